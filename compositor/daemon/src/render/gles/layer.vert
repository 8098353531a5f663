#version 300 es
// Corners of rectangles, from -1 to 1 across the target and down it.
layout(location = 0) in vec2 corner;

void main() {
    gl_Position = vec4(corner, 0.0, 1.0);
}
