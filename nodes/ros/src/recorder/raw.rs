//! Subscriptions to bytes of any type whose libraries are there at run time, with what the middleware says of a message.
//!
//! r2r subscribes to types that it was built with, gives neither source time nor publisher, and holds ten messages a
//! subscription, the next one lost in silence. So the recorder has a node of its own below the one it has with r2r, in a
//! context of its own: plain `rcl`, nothing in between.

#![allow(unsafe_code, reason = "a C library; every call is in this file")]

use anyhow::{Context as _, bail, ensure};
use outrider_runtime::Qos;
use r2r_rcl as rcl;
use std::ffi::{CStr, CString, c_void};
use std::path::PathBuf;
use std::ptr;
use std::time::Duration;

/// The most messages of one subscription in one turn, so that none keeps the others waiting.
const BURST: usize = 64;
const OK: i32 = rcl::RCL_RET_OK as i32;
const TIMEOUT: i32 = rcl::RCL_RET_TIMEOUT as i32;

/// What the middleware says of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// When it was published, ns since the epoch; zero where that is not known.
    pub source_ns: i64,
    /// Counts the messages of a publisher; `None` where the middleware does not.
    pub number: Option<u64>,
    /// The publisher.
    pub publisher: [u8; 16],
}

/// A type whose library is loaded. It stays loaded: DDS keeps pointers into it.
#[derive(Clone, Copy)]
struct TypeSupport(*const rcl::rosidl_message_type_support_t);

pub(super) struct RawInputs {
    // Boxed: rcl keeps pointers to both.
    context: Box<rcl::rcl_context_t>,
    node: Box<rcl::rcl_node_t>,
    wait_set: rcl::rcl_wait_set_t,
    #[allow(clippy::vec_box, reason = "rcl keeps pointers to them")]
    subscriptions: Vec<Box<rcl::rcl_subscription_t>>,
    buffer: rcl::rcl_serialized_message_t,
    /// Messages that could not be taken.
    pub errors: u64,
}

impl RawInputs {
    /// A node that the graph shows as hidden.
    pub(super) fn open(name: &str) -> anyhow::Result<Self> {
        let name = CString::new(name)?;
        // SAFETY: zero-initialised values are initialised in rcl's order; what is pointed to is boxed or outlives the call.
        unsafe {
            let allocator = rcl::rcutils_get_default_allocator();
            let mut context = Box::new(rcl::rcl_get_zero_initialized_context());
            let mut options = rcl::rcl_get_zero_initialized_init_options();
            check(rcl::rcl_init_options_init(&mut options, allocator)).context("rcl options")?;
            check(rcl::rcl_init(0, ptr::null(), &options, context.as_mut())).context("starting rcl")?;
            check(rcl::rcl_init_options_fini(&mut options)).context("rcl options")?;
            let mut node = Box::new(rcl::rcl_get_zero_initialized_node());
            let mut node_options = rcl::rcl_node_get_default_options();
            node_options.enable_rosout = false;
            let root = c"";
            check(rcl::rcl_node_init(
                node.as_mut(),
                name.as_ptr(),
                root.as_ptr(),
                context.as_mut(),
                &node_options,
            ))
            .context("creating the node of the inputs")?;
            let mut buffer = rcl::rcutils_get_zero_initialized_uint8_array();
            check(rcl::rcutils_uint8_array_init(&mut buffer, 64 << 10, &allocator)).context("a buffer")?;
            let mut wait_set = rcl::rcl_get_zero_initialized_wait_set();
            check(rcl::rcl_wait_set_init(&mut wait_set, 0, 0, 0, 0, 0, 0, context.as_mut(), allocator))
                .context("a wait set")?;
            Ok(Self { context, node, wait_set, subscriptions: Vec::new(), buffer, errors: 0 })
        }
    }

    /// Subscribes; the number of the subscription and the type's hash.
    pub(super) fn subscribe(
        &mut self,
        topic: &str,
        type_name: &str,
        qos: Qos,
    ) -> anyhow::Result<(usize, String)> {
        let support = load(type_name)?;
        let name = CString::new(topic)?;
        // SAFETY: the type support lives for ever, the node as long as the subscription (see `drop`).
        unsafe {
            let mut subscription = Box::new(rcl::rcl_get_zero_initialized_subscription());
            let mut options = rcl::rcl_subscription_get_default_options();
            options.qos = crate::qos::profile(qos).into();
            let node: *const rcl::rcl_node_t = self.node.as_ref();
            check(rcl::rcl_subscription_init(
                subscription.as_mut(),
                node,
                support.0,
                name.as_ptr(),
                &options,
            ))
            .context("subscribing")?;
            self.subscriptions.push(subscription);
            check(rcl::rcl_wait_set_resize(&mut self.wait_set, self.subscriptions.len(), 0, 0, 0, 0, 0))
                .context("the wait set")?;
            Ok((self.subscriptions.len() - 1, hash_of(support)))
        }
    }

    /// Waits for messages, not longer than `limit`, and hands over what is there: subscription, origin, bytes.
    pub(super) fn turn(
        &mut self,
        limit: Duration,
        mut hand_over: impl FnMut(usize, Origin, &[u8]),
    ) -> anyhow::Result<()> {
        if self.subscriptions.is_empty() {
            std::thread::sleep(limit);
            return Ok(());
        }
        // SAFETY: the wait set has room for all subscriptions, which live as long as it does.
        unsafe {
            check(rcl::rcl_wait_set_clear(&mut self.wait_set)).context("the wait set")?;
            for subscription in &self.subscriptions {
                let one: *const rcl::rcl_subscription_t = subscription.as_ref();
                check(rcl::rcl_wait_set_add_subscription(&mut self.wait_set, one, ptr::null_mut()))
                    .context("the wait set")?;
            }
            let nanos = i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX);
            let waited = rcl::rcl_wait(&mut self.wait_set, nanos);
            if waited == TIMEOUT {
                rcl::rcutils_reset_error();
                return Ok(());
            }
            check(waited).context("waiting for messages")?;
            let ready =
                std::slice::from_raw_parts(self.wait_set.subscriptions, self.wait_set.size_of_subscriptions);
            for (index, (ready, subscription)) in ready.iter().zip(&self.subscriptions).enumerate() {
                let taken = (0..BURST).take_while(|_| {
                    !ready.is_null()
                        && take(subscription, &mut self.buffer, |origin, bytes| {
                            hand_over(index, origin, bytes)
                        })
                });
                if taken.count() == 0 && !ready.is_null() {
                    self.errors += 1;
                }
            }
        }
        Ok(())
    }
}

/// Takes one message, if there is one.
///
/// # Safety
/// The subscription and the buffer are initialised.
unsafe fn take(
    subscription: &rcl::rcl_subscription_t,
    buffer: &mut rcl::rcl_serialized_message_t,
    hand_over: impl FnOnce(Origin, &[u8]),
) -> bool {
    // SAFETY: as above; the buffer holds `buffer_length` bytes when it was taken into.
    unsafe {
        let mut info = rcl::rmw_get_zero_initialized_message_info();
        if rcl::rcl_take_serialized_message(subscription, buffer, &mut info, ptr::null_mut()) != OK {
            rcl::rcutils_reset_error();
            return false;
        }
        let bytes: &[u8] = if buffer.buffer.is_null() {
            &[]
        } else {
            std::slice::from_raw_parts(buffer.buffer, buffer.buffer_length)
        };
        let number =
            Some(info.publication_sequence_number).filter(|number| *number != u64::MAX && *number != 0);
        hand_over(
            Origin { source_ns: info.source_timestamp, number, publisher: info.publisher_gid.data },
            bytes,
        );
        true
    }
}

impl Drop for RawInputs {
    fn drop(&mut self) {
        // SAFETY: each was initialised, is ended once, and in the reverse order.
        unsafe {
            rcl::rcl_wait_set_fini(&mut self.wait_set);
            for subscription in &mut self.subscriptions {
                rcl::rcl_subscription_fini(subscription.as_mut(), self.node.as_mut());
            }
            rcl::rcutils_uint8_array_fini(&mut self.buffer);
            rcl::rcl_node_fini(self.node.as_mut());
            rcl::rcl_shutdown(self.context.as_mut());
            rcl::rcl_context_fini(self.context.as_mut());
            rcl::rcutils_reset_error();
        }
    }
}

fn check(code: rcl::rcl_ret_t) -> anyhow::Result<()> {
    if code == OK {
        return Ok(());
    }
    // SAFETY: the error's text is a copy that ends with a zero.
    let text = unsafe {
        let error = rcl::rcutils_get_error_string();
        let text = CStr::from_ptr(error.str_.as_ptr()).to_string_lossy().into_owned();
        rcl::rcutils_reset_error();
        text
    };
    bail!("rcl says {code}: {text}")
}

/// The type support of `package/msg/Type` from its package's library.
fn load(type_name: &str) -> anyhow::Result<TypeSupport> {
    let parts: Vec<&str> = type_name.split('/').collect();
    let plain = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let [package, kind, name] = parts.as_slice() else { bail!("`{type_name}` is no `package/msg/Type`") };
    ensure!(parts.iter().all(plain), "`{type_name}` is no `package/msg/Type`");
    let file = format!("lib{package}__rosidl_typesupport_c.so");
    let symbol = CString::new(format!(
        "rosidl_typesupport_c__get_message_type_support_handle__{package}__{kind}__{name}"
    ))?;
    let mut places: Vec<PathBuf> = vec![PathBuf::from(&file)];
    places.extend(super::definitions::prefixes().map(|prefix| prefix.join("lib").join(&file)));
    for place in places {
        let path = CString::new(place.to_string_lossy().into_owned())?;
        // SAFETY: loading a library of messages runs no code of consequence; the symbol is a function without arguments that
        // returns a pointer to static data, as rosidl makes it.
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
        return Ok(TypeSupport(found));
    }
    bail!(
        "the library {file} with {type_name} is neither in LD_LIBRARY_PATH nor in AMENT_PREFIX_PATH: source its workspace"
    )
}

/// `RIHS01_…`; empty where the type has none.
fn hash_of(support: TypeSupport) -> String {
    // SAFETY: the type support is static; its hash, where there is a function for it, too.
    let hash = unsafe {
        let Some(get) = (*support.0).get_type_hash_func else { return String::new() };
        get(support.0).as_ref()
    };
    let Some(hash) = hash else { return String::new() };
    let hex: String = hash.value.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("RIHS{:02}_{hex}", hash.version)
}
