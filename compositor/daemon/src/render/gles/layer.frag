#version 300 es
// One layer, by WFD's formulas: colour key, crop to scale, source alpha, global alpha and mask.
precision highp float;
precision highp int;
precision highp sampler2D;

uniform sampler2D picture;
uniform sampler2D coverage;
// Of the picture and of the mask, in pixels.
uniform ivec2 picture_size;
uniform ivec2 coverage_size;
// Pixels of the port: where the layer and where its mask begin.
uniform ivec2 corner;
uniform ivec2 coverage_corner;
// From pixels of the layer to the picture, in 65536ths of its pixels: for each column, for each
// row, and at the middle of the first pixel.
uniform ivec3 to_x;
uniform ivec3 to_y;
uniform float opacity;
// Red, green, blue and alpha, 0 to 255.
uniform ivec4 key;
uniform bool is_keyed;
uniform bool is_masked;
uniform bool is_filtered;
uniform bool has_few_bits;
uniform bool takes_alpha;

out vec4 colour;

// Fewer bits become eight as they do everywhere in the service: the upper ones are repeated.
vec4 widened(vec4 texel) {
    ivec3 bits = ivec3(texel.rgb * vec3(31.0, 63.0, 31.0) + 0.5);
    ivec3 bytes = ivec3(
        bits.r << 3 | bits.r >> 2,
        bits.g << 2 | bits.g >> 4,
        bits.b << 3 | bits.b >> 2
    );
    return vec4(vec3(bytes) / 255.0, 1.0);
}

// Beyond its edges the picture goes on as it ends.
vec4 texel(ivec2 at) {
    vec4 stored = texelFetch(picture, clamp(at, ivec2(0), picture_size - 1), 0);
    return has_few_bits ? widened(stored) : stored;
}

bool is_key(vec4 texel) {
    return is_keyed && ivec4(texel * 255.0 + 0.5) == key;
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    ivec2 step = pixel - corner;
    ivec2 at = ivec2(
        to_x.x * step.x + to_x.y * step.y + to_x.z,
        to_y.x * step.x + to_y.y * step.y + to_y.z
    );

    // The middle between two pixels belongs to the first.
    vec4 seen = texel((at - 1) >> 16);
    if (is_key(seen)) {
        discard;
    }
    if (is_filtered) {
        ivec2 first = at - 32768;
        // Weights of seven bits, as the CPU renderer has them.
        vec2 part = vec2((first >> 9) & 127) / 128.0;
        first >>= 16;
        vec4 a = texel(first);
        vec4 b = texel(first + ivec2(1, 0));
        vec4 c = texel(first + ivec2(0, 1));
        vec4 d = texel(first + ivec2(1, 1));
        // The key's colour is never mixed with another one.
        if (!(is_key(a) || is_key(b) || is_key(c) || is_key(d))) {
            seen = mix(mix(a, b, part.x), mix(c, d, part.x), part.y);
        }
    }

    float weight = opacity;
    if (is_masked) {
        ivec2 place = pixel - coverage_corner;
        if (any(lessThan(place, ivec2(0))) || any(greaterThanEqual(place, coverage_size))) {
            discard;
        }
        weight *= texelFetch(coverage, place, 0).r;
    }
    float alpha = takes_alpha ? seen.a : 1.0;
    // Premultiplied; blue comes first in memory.
    colour = vec4(seen.bgr, alpha) * weight;
}
