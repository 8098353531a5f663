//! OpenGL ES 3: the few calls that drawing layers takes, each safe by itself.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    ptr,
};

use porthole_pixel::{Format, Rect, Size};

use super::{
    Lost, StartError,
    egl::{Context, Device, Egl},
    kind::Kind,
    look::Look,
};
use crate::{library::functions, protocols::shm::Pixels};

const NO_ERROR: u32 = 0;
const RENDERER: u32 = 0x1f01;
const EXTENSIONS: u32 = 0x1f03;
const MAX_TEXTURE_SIZE: u32 = 0x0d33;
const VERTEX_SHADER: u32 = 0x8b31;
const FRAGMENT_SHADER: u32 = 0x8b30;
const COMPILE_STATUS: u32 = 0x8b81;
const LINK_STATUS: u32 = 0x8b82;
const TEXTURE_2D: u32 = 0x0de1;
const TEXTURE0: u32 = 0x84c0;
const TEXTURE_MIN_FILTER: u32 = 0x2801;
const TEXTURE_MAG_FILTER: u32 = 0x2800;
const NEAREST: i32 = 0x2600;
/// Where the first of four channels is looked for.
const TEXTURE_SWIZZLE_R: u32 = 0x8e42;
const RGBA: u32 = 0x1908;
const RGB: u32 = 0x1907;
const ONE_CHANNEL: u32 = 0x1903;
const UNSIGNED_BYTE: u32 = 0x1401;
const UNSIGNED_SHORT_5_6_5: u32 = 0x8363;
const UNPACK_ALIGNMENT: u32 = 0x0cf5;
const UNPACK_ROW_LENGTH: u32 = 0x0cf2;
const PACK_ROW_LENGTH: u32 = 0x0d02;
const FRAMEBUFFER: u32 = 0x8d40;
const COLOR_ATTACHMENT0: u32 = 0x8ce0;
const FRAMEBUFFER_COMPLETE: u32 = 0x8cd5;
const SCISSOR_TEST: u32 = 0x0c11;
const DITHER: u32 = 0x0bd0;
const COLOR_BUFFER_BIT: u32 = 0x4000;
const BLEND: u32 = 0x0be2;
const BLEND_ONE: u32 = 1;
const ONE_MINUS_SRC_ALPHA: u32 = 0x0303;
const ARRAY_BUFFER: u32 = 0x8892;
const STREAM_DRAW: u32 = 0x88e0;
const FLOAT: u32 = 0x1406;
const TRIANGLES: u32 = 4;

functions! {
    /// Functions of OpenGL ES 3.0.
    Functions {
        get_error: c"glGetError"() -> u32;
        get_string: c"glGetString"(u32) -> *const c_char;
        get_integer: c"glGetIntegerv"(u32, *mut i32);
        create_shader: c"glCreateShader"(u32) -> u32;
        shader_source: c"glShaderSource"(u32, i32, *const *const c_char, *const i32);
        compile_shader: c"glCompileShader"(u32);
        get_shader: c"glGetShaderiv"(u32, u32, *mut i32);
        delete_shader: c"glDeleteShader"(u32);
        create_program: c"glCreateProgram"() -> u32;
        attach_shader: c"glAttachShader"(u32, u32);
        link_program: c"glLinkProgram"(u32);
        get_program: c"glGetProgramiv"(u32, u32, *mut i32);
        use_program: c"glUseProgram"(u32);
        uniform_location: c"glGetUniformLocation"(u32, *const c_char) -> i32;
        uniform_1f: c"glUniform1f"(i32, f32);
        uniform_1i: c"glUniform1i"(i32, i32);
        uniform_2i: c"glUniform2i"(i32, i32, i32);
        uniform_3i: c"glUniform3i"(i32, i32, i32, i32);
        uniform_4i: c"glUniform4i"(i32, i32, i32, i32, i32);
        gen_textures: c"glGenTextures"(i32, *mut u32);
        delete_textures: c"glDeleteTextures"(i32, *const u32);
        active_texture: c"glActiveTexture"(u32);
        bind_texture: c"glBindTexture"(u32, u32);
        tex_parameter: c"glTexParameteri"(u32, u32, i32);
        tex_storage: c"glTexStorage2D"(u32, i32, u32, i32, i32);
        tex_sub_image: c"glTexSubImage2D"(u32, i32, i32, i32, i32, i32, u32, u32, *const c_void);
        pixel_store: c"glPixelStorei"(u32, i32);
        gen_framebuffers: c"glGenFramebuffers"(i32, *mut u32);
        bind_framebuffer: c"glBindFramebuffer"(u32, u32);
        framebuffer_texture: c"glFramebufferTexture2D"(u32, u32, u32, u32, i32);
        check_framebuffer: c"glCheckFramebufferStatus"(u32) -> u32;
        viewport: c"glViewport"(i32, i32, i32, i32);
        scissor: c"glScissor"(i32, i32, i32, i32);
        enable: c"glEnable"(u32);
        disable: c"glDisable"(u32);
        color_mask: c"glColorMask"(u8, u8, u8, u8);
        clear_color: c"glClearColor"(f32, f32, f32, f32);
        clear: c"glClear"(u32);
        blend_func: c"glBlendFunc"(u32, u32);
        gen_buffers: c"glGenBuffers"(i32, *mut u32);
        bind_buffer: c"glBindBuffer"(u32, u32);
        buffer_data: c"glBufferData"(u32, isize, *const c_void, u32);
        vertex_pointer: c"glVertexAttribPointer"(u32, i32, u32, u8, i32, *const c_void);
        enable_vertices: c"glEnableVertexAttribArray"(u32);
        draw_arrays: c"glDrawArrays"(u32, i32, i32);
        read_pixels: c"glReadPixels"(i32, i32, i32, i32, u32, u32, *mut c_void);
    }
}

/// Calls a function of the GL. Its arguments are numbers, or addresses of ours of as many bytes as the
/// call says; a wrong number is an error of the GL's and no more.
macro_rules! call {
    ($gl:expr, $function:ident($($argument:expr),*)) => {
        // SAFETY: the functions are those of the context that is current on this thread; addresses
        // are valid as said above.
        unsafe { ($gl.functions.$function)($($argument),*) }
    };
}

/// A picture that the GPU can read or draw into. It goes with its context, or by [`Gl::delete`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Texture(u32);

/// A GPU's context with the one program that draws layers.
#[derive(Debug)]
pub(super) struct Gl {
    functions: Functions,
    /// Says whether the GPU was reset.
    reset_status: Option<unsafe extern "system" fn() -> u32>,
    uniforms: Vec<i32>,
    max_side: u32,
    /// What the driver calls the GPU.
    pub(super) name: String,
    // Goes last: the functions are its.
    context: Context,
}

/// The uniforms of the program, in the order of [`Gl::look`].
const UNIFORMS: [&CStr; 15] = [
    c"picture",
    c"coverage",
    c"picture_size",
    c"coverage_size",
    c"corner",
    c"coverage_corner",
    c"to_x",
    c"to_y",
    c"opacity",
    c"key",
    c"is_keyed",
    c"is_masked",
    c"is_filtered",
    c"has_few_bits",
    c"takes_alpha",
];

impl Gl {
    /// A context on a device, ready to draw.
    pub(super) fn new(egl: &'static Egl, device: Device) -> Result<Self, StartError> {
        let context = egl.context(device)?;
        // SAFETY: OpenGL ES 3.0 declares these functions so, and the context is of that version;
        // the library stays loaded.
        let functions = unsafe { Functions::load(|name| context.address_of(name)) }?;
        let mut gl = Self {
            functions,
            reset_status: None,
            uniforms: Vec::new(),
            max_side: 0,
            name: String::new(),
            context,
        };
        gl.name = gl.text(RENDERER);
        gl.reset_status = gl.find_reset_status();
        let mut side = 0;
        call!(gl, get_integer(MAX_TEXTURE_SIZE, &raw mut side));
        gl.max_side = u32::try_from(side).unwrap_or(0);
        let program = gl.program()?;
        gl.uniforms = UNIFORMS
            .iter()
            .map(|name| call!(gl, uniform_location(program, name.as_ptr())))
            .collect();
        gl.set_up()?;
        Ok(gl)
    }

    /// A text of the driver's.
    fn text(&self, which: u32) -> String {
        let text = call!(self, get_string(which));
        if text.is_null() {
            return String::new();
        }
        // SAFETY: the driver's texts end with a zero byte and stay as long as the context.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }

    /// Not every driver raises an error after a reset, but those that can tell of one have a function
    /// for it.
    fn find_reset_status(&self) -> Option<unsafe extern "system" fn() -> u32> {
        let offered = self.text(EXTENSIONS);
        let offers = |extension| offered.split_whitespace().any(|offer| offer == extension);
        let name = if offers("GL_KHR_robustness") {
            c"glGetGraphicsResetStatusKHR"
        } else if offers("GL_EXT_robustness") {
            c"glGetGraphicsResetStatusEXT"
        } else {
            return None;
        };
        let found = self.context.address_of(name);
        // SAFETY: both extensions declare the function of this name so, and null becomes `None`.
        unsafe {
            std::mem::transmute::<*const c_void, Option<unsafe extern "system" fn() -> u32>>(found)
        }
    }

    /// The longest side of a texture.
    pub(super) const fn max_side(&self) -> u32 {
        self.max_side
    }

    /// Has the following calls go to this context. Belongs before each frame.
    pub(super) fn enter(&self) -> Result<(), Lost> {
        self.context.enter()
    }

    /// Whether the driver tells of resets.
    #[cfg(test)]
    pub(super) const fn tells_of_resets(&self) -> bool {
        self.reset_status.is_some()
    }

    /// Whether all calls since the last time did what they should.
    pub(super) fn check(&self) -> Result<(), Lost> {
        // SAFETY: a function of the context that is current on this thread.
        let reset = self.reset_status.map_or(NO_ERROR, |status| unsafe { status() });
        if reset != NO_ERROR {
            return Err(Lost::Reset(reset));
        }
        match call!(self, get_error()) {
            NO_ERROR => Ok(()),
            error => Err(Lost::Drawing(error)),
        }
    }

    /// The program that draws layers, in use.
    fn program(&self) -> Result<u32, StartError> {
        let program = call!(self, create_program());
        for (kind, text) in [
            (VERTEX_SHADER, include_str!("layer.vert")),
            (FRAGMENT_SHADER, include_str!("layer.frag")),
        ] {
            let shader = call!(self, create_shader(kind));
            let text = CString::new(text).map_err(|_| StartError::Program)?;
            let texts = [text.as_ptr()];
            call!(self, shader_source(shader, 1, texts.as_ptr(), ptr::null()));
            call!(self, compile_shader(shader));
            let mut ok = 0;
            call!(self, get_shader(shader, COMPILE_STATUS, &raw mut ok));
            if ok == 0 {
                return Err(StartError::Program);
            }
            call!(self, attach_shader(program, shader));
            // It stays as long as the program.
            call!(self, delete_shader(shader));
        }
        call!(self, link_program(program));
        let mut ok = 0;
        call!(self, get_program(program, LINK_STATUS, &raw mut ok));
        if ok == 0 {
            return Err(StartError::Program);
        }
        call!(self, use_program(program));
        Ok(program)
    }

    /// All that stays the same from frame to frame.
    fn set_up(&self) -> Result<(), StartError> {
        let mut framebuffer = 0;
        call!(self, gen_framebuffers(1, &raw mut framebuffer));
        call!(self, bind_framebuffer(FRAMEBUFFER, framebuffer));
        let mut buffer = 0;
        call!(self, gen_buffers(1, &raw mut buffer));
        call!(self, bind_buffer(ARRAY_BUFFER, buffer));
        // Two floats for each corner, from the start of the buffer.
        call!(self, vertex_pointer(0, 2, FLOAT, 0, 0, ptr::null()));
        call!(self, enable_vertices(0));
        call!(self, disable(DITHER));
        call!(self, enable(SCISSOR_TEST));
        call!(self, blend_func(BLEND_ONE, ONE_MINUS_SRC_ALPHA));
        self.check().map_err(|_| StartError::Program)
    }

    /// A texture with nothing in it.
    pub(super) fn texture(&self, size: Size, kind: Kind) -> Texture {
        let mut texture = 0;
        call!(self, gen_textures(1, &raw mut texture));
        let texture = Texture(texture);
        self.select(0, texture);
        call!(self, tex_storage(TEXTURE_2D, 1, kind.storage(), int(size.width), int(size.height)));
        call!(self, tex_parameter(TEXTURE_2D, TEXTURE_MIN_FILTER, NEAREST));
        call!(self, tex_parameter(TEXTURE_2D, TEXTURE_MAG_FILTER, NEAREST));
        for (to, from) in (TEXTURE_SWIZZLE_R..).zip(kind.channels()) {
            call!(self, tex_parameter(TEXTURE_2D, to, from));
        }
        texture
    }

    /// Gives a texture back.
    pub(super) fn delete(&self, texture: Texture) {
        call!(self, delete_textures(1, &raw const texture.0));
    }

    /// Has the program read a texture: its picture is unit 0, its mask 1.
    pub(super) fn select(&self, unit: u32, texture: Texture) {
        call!(self, active_texture(TEXTURE0 + unit));
        call!(self, bind_texture(TEXTURE_2D, texture.0));
    }

    /// Copies a part of a picture to a texture of its size and format. False when there is nothing to
    /// be read there.
    pub(super) fn upload(&self, texture: Texture, pixels: &Pixels, rect: Rect) -> bool {
        let layout = pixels.layout();
        let (start, stride) = (pixels.start(), layout.stride());
        let each = layout.format().bytes_per_pixel();
        let inside = Rect::from_size(layout.size()).contains_rect(rect);
        if start.is_null() || !inside || !stride.is_multiple_of(4) {
            return false;
        }
        let (format, kind) = match layout.format() {
            Format::Rgb565 => (RGB, UNSIGNED_SHORT_5_6_5),
            _ => (RGBA, UNSIGNED_BYTE),
        };
        let offset = rect.y.unsigned_abs() as usize * stride as usize
            + rect.x.unsigned_abs() as usize * each as usize;
        let from = start.wrapping_add(offset).cast::<c_void>();
        self.select(0, texture);
        call!(self, pixel_store(UNPACK_ALIGNMENT, 4));
        call!(self, pixel_store(UNPACK_ROW_LENGTH, int(stride / each)));
        let Rect { x, y, width, height } = rect;
        // The rows lie inside the picture, which stays readable while it is held; they are copied
        // before the call returns.
        call!(self, tex_sub_image(TEXTURE_2D, 0, x, y, width, height, format, kind, from));
        true
    }

    /// Copies a mask to a texture of its size. False when there are not as many bytes as pixels.
    pub(super) fn upload_coverage(&self, texture: Texture, size: Size, bytes: &[u8]) -> bool {
        if bytes.len() as u64 != size.area() {
            return false;
        }
        self.select(0, texture);
        call!(self, pixel_store(UNPACK_ALIGNMENT, 1));
        call!(self, pixel_store(UNPACK_ROW_LENGTH, 0));
        let (width, height) = (int(size.width), int(size.height));
        let from = bytes.as_ptr().cast::<c_void>();
        call!(
            self,
            tex_sub_image(TEXTURE_2D, 0, 0, 0, width, height, ONE_CHANNEL, UNSIGNED_BYTE, from)
        );
        true
    }

    /// Has everything drawn into a texture.
    pub(super) fn draw_into(&self, target: Texture, size: Size) -> Result<(), Lost> {
        call!(self, framebuffer_texture(FRAMEBUFFER, COLOR_ATTACHMENT0, TEXTURE_2D, target.0, 0));
        call!(self, viewport(0, 0, int(size.width), int(size.height)));
        match call!(self, check_framebuffer(FRAMEBUFFER)) {
            FRAMEBUFFER_COMPLETE => Ok(()),
            status => Err(Lost::Drawing(status)),
        }
    }

    /// Fills a rectangle, which is the only one that is drawn into until the next time.
    pub(super) fn clear(&self, rect: Rect, [red, green, blue]: [u8; 3]) {
        let part = |channel: u8| f32::from(channel) / 255.0;
        call!(self, scissor(rect.x, rect.y, rect.width, rect.height));
        call!(self, color_mask(1, 1, 1, 1));
        call!(self, clear_color(part(blue), part(green), part(red), 1.0));
        call!(self, clear(COLOR_BUFFER_BIT));
        // The alpha of a port's picture is 255 everywhere.
        call!(self, color_mask(1, 1, 1, 0));
    }

    /// How the next rectangles look.
    pub(super) fn look(&self, look: &Look) {
        let [
            picture,
            coverage,
            picture_size,
            coverage_size,
            corner,
            coverage_corner,
            to_x,
            to_y,
            opacity,
            key,
            is_keyed,
            is_masked,
            is_filtered,
            has_few_bits,
            takes_alpha,
        ] = *self.uniforms.as_slice()
        else {
            return;
        };
        let pair = |at: i32, (x, y): (i32, i32)| call!(self, uniform_2i(at, x, y));
        let three = |at: i32, [x, y, z]: [i32; 3]| call!(self, uniform_3i(at, x, y, z));
        let flag = |at: i32, on: bool| call!(self, uniform_1i(at, i32::from(on)));
        let sides = |size: Size| (int(size.width), int(size.height));
        call!(self, uniform_1i(picture, 0));
        call!(self, uniform_1i(coverage, 1));
        pair(picture_size, sides(look.size));
        pair(coverage_size, sides(look.mask.map_or(Size::default(), |mask| mask.0)));
        pair(corner, look.corner);
        pair(coverage_corner, look.mask.map_or((0, 0), |mask| mask.1));
        three(to_x, look.to_x);
        three(to_y, look.to_y);
        call!(self, uniform_1f(opacity, look.opacity));
        let [alpha, red, green, blue] = look.key.unwrap_or(0).to_be_bytes().map(i32::from);
        call!(self, uniform_4i(key, red, green, blue, alpha));
        flag(is_keyed, look.key.is_some());
        flag(is_masked, look.mask.is_some());
        flag(is_filtered, look.is_filtered);
        flag(has_few_bits, look.has_few_bits);
        flag(takes_alpha, look.takes_alpha);
        if look.is_copy {
            call!(self, disable(BLEND));
        } else {
            call!(self, enable(BLEND));
        }
    }

    /// Draws triangles, three corners each, from -1 to 1.
    pub(super) fn triangles(&self, corners: &[[f32; 2]]) {
        let bytes = isize::try_from(size_of_val(corners)).unwrap_or(0);
        let from = corners.as_ptr().cast::<c_void>();
        call!(self, buffer_data(ARRAY_BUFFER, bytes, from, STREAM_DRAW));
        let count = i32::try_from(corners.len()).unwrap_or(0);
        call!(self, draw_arrays(TRIANGLES, 0, count));
    }

    /// Reads a rectangle of the target, as words of [`Format::Argb8888`], to the beginning of `words`,
    /// whose rows have this length. False when it does not fit there.
    pub(super) fn read(&self, rect: Rect, words: &mut [u32], row: usize) -> bool {
        let (width, height) = (rect.size().width as usize, rect.size().height as usize);
        let Some(above) = height.checked_sub(1) else { return true };
        let fits = above.checked_mul(row).and_then(|rows| rows.checked_add(width));
        let Ok(length) = i32::try_from(row) else { return false };
        if width > row || fits.is_none_or(|words_needed| words_needed > words.len()) {
            return false;
        }
        let Rect { x, y, width, height } = rect;
        let to = words.as_mut_ptr().cast::<c_void>();
        call!(self, pixel_store(PACK_ROW_LENGTH, length));
        call!(self, read_pixels(x, y, width, height, RGBA, UNSIGNED_BYTE, to));
        true
    }
}

/// Sides of pictures are far below the largest of these.
fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
