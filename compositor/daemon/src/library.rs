//! Functions of a library that is loaded while the program runs.

use std::{
    ffi::{CStr, c_void},
    mem::ManuallyDrop,
    ptr,
};

use libloading::Library;

/// The library lacks a function.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the function {} is missing", .0.to_string_lossy())]
pub(crate) struct Missing(pub(crate) &'static CStr);

/// Loads a library, and gives what finds its functions: their addresses, or null. It is never unloaded, as
/// threads of its own may go on.
///
/// # Errors
/// When it is not there.
///
/// # Safety
/// What it runs when it is loaded must be fit to run here.
pub(crate) unsafe fn open(
    name: &str,
) -> Result<impl Fn(&CStr) -> *const c_void, libloading::Error> {
    // SAFETY: the caller says so.
    let library = ManuallyDrop::new(unsafe { Library::new(name) }?);
    Ok(move |name: &CStr| {
        // SAFETY: only the address is taken.
        let found = unsafe { library.get::<*const c_void>(name.to_bytes_with_nul()) };
        found.map_or(ptr::null(), |address| *address)
    })
}

/// Makes a struct of functions, each with the name that the library has for it.
macro_rules! functions {
    ($(#[$doc:meta])* $name:ident {
        $($field:ident: $symbol:literal($($argument:ty),*) $(-> $result:ty)?;)*
    }) => {
        $(#[$doc])*
        #[derive(Debug)]
        struct $name {
            $($field: unsafe extern "system" fn($($argument),*) $(-> $result)?,)*
        }

        impl $name {
            /// Finds all functions.
            ///
            /// # Safety
            /// What `find` gives, unless it is null, must be the function of that name as the
            /// library's documents declare it, for as long as the value lives.
            unsafe fn load(
                find: impl Fn(&'static std::ffi::CStr) -> *const std::ffi::c_void,
            ) -> Result<Self, $crate::library::Missing> {
                Ok(Self {
                    $($field: {
                        let found = find($symbol);
                        if found.is_null() {
                            return Err($crate::library::Missing($symbol));
                        }
                        // SAFETY: an address that is not null, of a function of this type: the
                        // caller said so.
                        unsafe {
                            std::mem::transmute::<
                                *const std::ffi::c_void,
                                unsafe extern "system" fn($($argument),*) $(-> $result)?,
                            >(found)
                        }
                    },)*
                })
            }
        }
    };
}
pub(crate) use functions;
