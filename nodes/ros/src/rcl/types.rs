//! Types of messages, from the libraries that are installed.

use crate::prefixes::prefixes;
use anyhow::{bail, ensure};
use r2r_rcl as rcl;
use std::ffi::{CString, c_void};
use std::path::PathBuf;

/// A type whose library is loaded. It stays loaded: DDS keeps pointers into it.
#[derive(Clone, Copy)]
pub(super) struct TypeSupport(*const rcl::rosidl_message_type_support_t);

impl TypeSupport {
    /// The type support of `package/msg/Type` from its package's library.
    pub(super) fn load(type_name: &str) -> anyhow::Result<Self> {
        let parts: Vec<&str> = type_name.split('/').collect();
        let plain =
            |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let [package, kind, name] = parts.as_slice() else { bail!("`{type_name}` is no `package/msg/Type`") };
        ensure!(parts.iter().all(plain), "`{type_name}` is no `package/msg/Type`");
        let file = format!("lib{package}__rosidl_typesupport_c.so");
        let symbol = CString::new(format!(
            "rosidl_typesupport_c__get_message_type_support_handle__{package}__{kind}__{name}"
        ))?;
        let mut places: Vec<PathBuf> = vec![PathBuf::from(&file)];
        places.extend(prefixes().map(|prefix| prefix.join("lib").join(&file)));
        for place in places {
            let path = CString::new(place.to_string_lossy().into_owned())?;
            // SAFETY: loading a library of messages runs no code of consequence; the symbol is a function without arguments
            // that returns a pointer to static data, as rosidl makes it.
            let found = unsafe {
                let library = libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL);
                if library.is_null() {
                    continue;
                }
                let found = libc::dlsym(library, symbol.as_ptr());
                if found.is_null() {
                    continue;
                }
                type Get = unsafe extern "C" fn() -> *const rcl::rosidl_message_type_support_t;
                std::mem::transmute::<*mut c_void, Get>(found)()
            };
            ensure!(!found.is_null(), "{} has no support of {type_name}", place.display());
            return Ok(Self(found));
        }
        bail!(
            "the library {file} with {type_name} is neither in LD_LIBRARY_PATH nor in AMENT_PREFIX_PATH: source its workspace"
        )
    }

    pub(super) fn as_ptr(self) -> *const rcl::rosidl_message_type_support_t {
        self.0
    }

    /// `RIHS01_…`; empty where the type has none.
    pub(super) fn hash(self) -> String {
        // SAFETY: the type support is static; its hash, where there is a function for it, too.
        let hash = unsafe {
            let Some(get) = (*self.0).get_type_hash_func else { return String::new() };
            get(self.0).as_ref()
        };
        let Some(hash) = hash else { return String::new() };
        let hex: String = hash.value.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("RIHS{:02}_{hex}", hash.version)
    }
}
