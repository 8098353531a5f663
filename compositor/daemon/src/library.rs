//! Functions of a library that is loaded while the program runs.

use std::ffi::CStr;

/// The library lacks a function.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the function {} is missing", .0.to_string_lossy())]
pub(crate) struct Missing(pub(crate) &'static CStr);

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
