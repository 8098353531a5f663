//! EGL: from the machine's GPUs to a context that draws on this thread.

use std::{
    ffi::{CStr, c_char, c_void},
    path::Path,
    ptr,
    sync::OnceLock,
};

use super::{Lost, StartError};
use crate::library::{self, Missing, functions};

const NO_DISPLAY: *mut c_void = ptr::null_mut();
const NO_SURFACE: *mut c_void = ptr::null_mut();
const NO_CONTEXT: *mut c_void = ptr::null_mut();
const NO_CONFIG: *mut c_void = ptr::null_mut();
const EXTENSIONS: i32 = 0x3055;
const PLATFORM_DEVICE: u32 = 0x313f;
const OPENGL_ES_API: u32 = 0x30a0;
const CONTEXT_MAJOR_VERSION: i32 = 0x3098;
const CONTEXT_MINOR_VERSION: i32 = 0x30fb;
const CONTEXT_ROBUST_ACCESS: i32 = 0x30bf;
const CONTEXT_RESET_NOTIFICATION: i32 = 0x3138;
const LOSE_CONTEXT_ON_RESET: i32 = 0x31bf;
const NONE: i32 = 0x3038;
/// More GPUs than any machine has.
const MOST_DEVICES: usize = 16;

functions! {
    /// What we use of EGL 1.5 and of its extensions for devices.
    Functions {
        query_string: c"eglQueryString"(*mut c_void, i32) -> *const c_char;
        get_proc_address: c"eglGetProcAddress"(*const c_char) -> *const c_void;
        query_devices: c"eglQueryDevicesEXT"(i32, *mut *mut c_void, *mut i32) -> u32;
        query_device_string: c"eglQueryDeviceStringEXT"(*mut c_void, i32) -> *const c_char;
        get_platform_display: c"eglGetPlatformDisplayEXT"(u32, *mut c_void, *const i32) -> *mut c_void;
        initialize: c"eglInitialize"(*mut c_void, *mut i32, *mut i32) -> u32;
        bind_api: c"eglBindAPI"(u32) -> u32;
        create_context: c"eglCreateContext"(*mut c_void, *mut c_void, *mut c_void, *const i32) -> *mut c_void;
        destroy_context: c"eglDestroyContext"(*mut c_void, *mut c_void) -> u32;
        make_current: c"eglMakeCurrent"(*mut c_void, *mut c_void, *mut c_void, *mut c_void) -> u32;
        get_error: c"eglGetError"() -> i32;
    }
}

/// The library.
#[derive(Debug)]
pub(super) struct Egl {
    functions: Functions,
}

/// Something that can draw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device {
    handle: *mut c_void,
    /// It draws on the CPU.
    pub(super) is_software: bool,
}

/// What GL functions are called in. It belongs to the thread that made it.
#[derive(Debug)]
pub(super) struct Context {
    egl: &'static Egl,
    display: *mut c_void,
    context: *mut c_void,
}

/// Whether the machine has something like a GPU. Where it has none, nothing needs to be loaded.
pub(super) fn machine_has_gpu() -> bool {
    let is_render_node = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(b"renderD"))
    };
    std::fs::read_dir("/dev/dri").is_ok_and(|mut nodes| nodes.any(is_render_node))
        || Path::new("/dev/nvidiactl").exists()
}

impl Egl {
    /// The library, loaded when it is first asked for.
    pub(super) fn get() -> Result<&'static Self, StartError> {
        static EGL: OnceLock<Result<Egl, StartError>> = OnceLock::new();
        EGL.get_or_init(Self::load).as_ref().map_err(Clone::clone)
    }

    fn load() -> Result<Self, StartError> {
        // SAFETY: loading the machine's EGL library runs its initialisers; it is what every program
        // that draws with a GPU does.
        let exported = unsafe { library::open("libEGL.so.1") }
            .map_err(|error| StartError::Library(error.to_string()))?;
        let address_of = exported(c"eglGetProcAddress");
        if address_of.is_null() {
            return Err(Missing(c"eglGetProcAddress").into());
        }
        // SAFETY: EGL 1.5 declares the function of this name so.
        let address_of = unsafe {
            std::mem::transmute::<
                *const c_void,
                unsafe extern "system" fn(*const c_char) -> *const c_void,
            >(address_of)
        };
        let find = |name: &'static CStr| {
            let found = exported(name);
            if found.is_null() {
                // SAFETY: a text that ends with a zero byte.
                return unsafe { address_of(name.as_ptr()) };
            }
            found
        };
        // SAFETY: EGL 1.5 and the extensions EXT_device_enumeration, EXT_device_query and
        // EXT_platform_base declare these functions so; the library is never unloaded.
        let functions = unsafe { Functions::load(find) }?;
        Ok(Self { functions })
    }

    /// All devices, those that are hardware first.
    pub(super) fn devices(&self) -> Result<Vec<Device>, StartError> {
        let needed = ["EGL_EXT_platform_device", "EGL_EXT_device_query"];
        // SAFETY: asks for what the library offers before there is a display.
        let offered = unsafe { (self.functions.query_string)(NO_DISPLAY, EXTENSIONS) };
        let offered = words(offered);
        if let Some(missing) = needed.into_iter().find(|name| !offered.iter().any(|o| o == name)) {
            return Err(StartError::Extension(missing));
        }
        let mut handles = [ptr::null_mut(); MOST_DEVICES];
        let mut count = 0;
        let room = i32::try_from(handles.len()).unwrap_or(0);
        // SAFETY: room for that many handles, and for their number.
        let ok =
            unsafe { (self.functions.query_devices)(room, handles.as_mut_ptr(), &raw mut count) };
        if ok == 0 {
            return Err(self.failed("list the GPUs"));
        }
        let count = usize::try_from(count).unwrap_or(0);
        let device = |handle: &*mut c_void| {
            // SAFETY: a handle that the library gave.
            let offered = unsafe { (self.functions.query_device_string)(*handle, EXTENSIONS) };
            let is_software = words(offered).iter().any(|o| o == "EGL_MESA_device_software");
            Device { handle: *handle, is_software }
        };
        let mut devices: Vec<Device> = handles.iter().take(count).map(device).collect();
        devices.sort_by_key(|device| device.is_software);
        Ok(devices)
    }

    /// A context on a device, current on this thread.
    pub(super) fn context(&'static self, device: Device) -> Result<Context, StartError> {
        let egl = &self.functions;
        let none = [NONE];
        // SAFETY: a device that the library listed, and an empty list.
        let display =
            unsafe { (egl.get_platform_display)(PLATFORM_DEVICE, device.handle, none.as_ptr()) };
        if display == NO_DISPLAY {
            return Err(self.failed("open the GPU"));
        }
        // SAFETY: a display of the library; it allows null for versions that nobody asks for. To
        // initialise one again does nothing.
        let ok = unsafe { (egl.initialize)(display, ptr::null_mut(), ptr::null_mut()) };
        if ok == 0 {
            return Err(self.failed("start the GPU's driver"));
        }
        // SAFETY: an initialised display.
        let offered = words(unsafe { (egl.query_string)(display, EXTENSIONS) });
        let offers = |name: &str| offered.iter().any(|offer| offer == name);
        for needed in ["EGL_KHR_surfaceless_context", "EGL_KHR_no_config_context"] {
            if !offers(needed) {
                return Err(StartError::Extension(needed));
            }
        }
        let mut attributes = vec![CONTEXT_MAJOR_VERSION, 3, CONTEXT_MINOR_VERSION, 0];
        // Without this some drivers end the whole process when the GPU had to be reset.
        if offers("EGL_EXT_create_context_robustness") {
            attributes.extend([CONTEXT_ROBUST_ACCESS, 1]);
            attributes.extend([CONTEXT_RESET_NOTIFICATION, LOSE_CONTEXT_ON_RESET]);
        }
        attributes.push(NONE);
        // SAFETY: a constant of EGL.
        if unsafe { (egl.bind_api)(OPENGL_ES_API) } == 0 {
            return Err(self.failed("draw with OpenGL ES"));
        }
        // SAFETY: an initialised display, and a list that ends as lists do.
        let context =
            unsafe { (egl.create_context)(display, NO_CONFIG, NO_CONTEXT, attributes.as_ptr()) };
        if context == NO_CONTEXT {
            return Err(self.failed("draw with OpenGL ES 3"));
        }
        let context = Context { egl: self, display, context };
        context.enter().map_err(|_| self.failed("draw on this thread"))?;
        Ok(context)
    }

    fn failed(&self, what: &'static str) -> StartError {
        // SAFETY: no arguments.
        let code = unsafe { (self.functions.get_error)() };
        StartError::Egl { what, code }
    }
}

impl Context {
    /// Makes it current on this thread.
    pub(super) fn enter(&self) -> Result<(), Lost> {
        let (display, context) = (self.display, self.context);
        // SAFETY: both are the library's and live; the context is of this thread, as nothing that
        // holds a pointer can go to another one.
        let ok =
            unsafe { (self.egl.functions.make_current)(display, NO_SURFACE, NO_SURFACE, context) };
        if ok == 0 {
            // SAFETY: no arguments.
            return Err(Lost::Context(unsafe { (self.egl.functions.get_error)() }));
        }
        Ok(())
    }

    /// The address of a GL function; null, or something that must not be called, when there is none.
    pub(super) fn address_of(&self, name: &CStr) -> *const c_void {
        // SAFETY: a text that ends with a zero byte.
        unsafe { (self.egl.functions.get_proc_address)(name.as_ptr()) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let egl = &self.egl.functions;
        // SAFETY: the display is never closed; a context that is not current can be destroyed.
        unsafe { (egl.make_current)(self.display, NO_SURFACE, NO_SURFACE, NO_CONTEXT) };
        // SAFETY: made by this library, and not used after this.
        unsafe { (egl.destroy_context)(self.display, self.context) };
    }
}

/// A text of the library's, word by word.
fn words(text: *const c_char) -> Vec<String> {
    if text.is_null() {
        return Vec::new();
    }
    // SAFETY: the library's texts end with a zero byte and stay as long as it is loaded.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().split_whitespace().map(str::to_owned).collect()
}
