//! Publishers of bytes that tell whether what they sent was acknowledged.
//!
//! r2r keeps the handle that `rcl_publisher_wait_for_all_acked` wants to itself, so the player has a node of its own
//! below the one it has with r2r, in a context of its own: plain `rcl`, nothing in between.

#![allow(unsafe_code, reason = "a C library; every call is in this file")]

use crate::qos::offered;
use anyhow::{Context as _, anyhow, bail};
use outrider_foundation::Span;
use outrider_runtime::Qos;
use r2r_rcl as rcl;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

const OK: i32 = rcl::RCL_RET_OK as i32;

/// The publishers of a player, by number.
pub(super) struct Outputs {
    // Boxed: rcl keeps pointers to all of them.
    context: Box<rcl::rcl_context_t>,
    node: Box<rcl::rcl_node_t>,
    #[allow(clippy::vec_box, reason = "rcl keeps pointers to them")]
    publishers: Vec<Box<rcl::rcl_publisher_t>>,
}

impl Outputs {
    /// Makes the node. It takes the remappings of topics that the process was started with.
    pub(super) fn open(name: &str) -> anyhow::Result<Self> {
        let name = CString::new(name)?;
        let arguments: Vec<CString> =
            for_this_node(std::env::args()).into_iter().map(CString::new).collect::<Result<_, _>>()?;
        let pointers: Vec<*const c_char> = arguments.iter().map(|a| a.as_ptr()).collect();
        let count = i32::try_from(pointers.len()).context("too many arguments")?;
        // SAFETY: zero-initialised values are initialised in rcl's order; what it keeps pointers to is boxed, the rest
        // outlives the call that it is handed to.
        unsafe {
            let mut context = Box::new(rcl::rcl_get_zero_initialized_context());
            let mut options = rcl::rcl_get_zero_initialized_init_options();
            check(rcl::rcl_init_options_init(&raw mut options, rcl::rcutils_get_default_allocator()))?;
            let started =
                check(rcl::rcl_init(count, pointers.as_ptr(), &raw const options, context.as_mut()));
            let ended = check(rcl::rcl_init_options_fini(&raw mut options));
            started.and(ended).context("starting rcl")?;
            let mut node = Box::new(rcl::rcl_get_zero_initialized_node());
            let mut settings = rcl::rcl_node_get_default_options();
            settings.enable_rosout = false;
            let root = c"/";
            check(rcl::rcl_node_init(
                node.as_mut(),
                name.as_ptr(),
                root.as_ptr(),
                context.as_mut(),
                &raw const settings,
            ))
            .context("creating the node of the outputs")?;
            Ok(Self { context, node, publishers: Vec::new() })
        }
    }

    /// Offers a topic; the publisher's number.
    pub(super) fn advertise(&mut self, topic: &str, type_name: &str, qos: Qos) -> anyhow::Result<usize> {
        let known = r2r::WrappedNativeMsgUntyped::new_from(type_name);
        let support = known.map_err(|_| anyhow!("the player was built without {type_name}"))?.ts;
        let topic = CString::new(topic)?;
        // SAFETY: the type support is static, the node lives as long as the publisher (see `drop`).
        unsafe {
            let mut publisher = Box::new(rcl::rcl_get_zero_initialized_publisher());
            let mut options = rcl::rcl_publisher_get_default_options();
            options.qos = offered(qos).into();
            let node: *const rcl::rcl_node_t = self.node.as_ref();
            check(rcl::rcl_publisher_init(
                publisher.as_mut(),
                node,
                support,
                topic.as_ptr(),
                &raw const options,
            ))?;
            self.publishers.push(publisher);
        }
        Ok(self.publishers.len() - 1)
    }

    /// Sends a serialised message.
    pub(super) fn publish(&self, index: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let Some(publisher) = self.publishers.get(index) else { bail!("there is no publisher {index}") };
        // SAFETY: the message is only read, and not kept beyond the call.
        unsafe {
            let message = rcl::rcl_serialized_message_t {
                buffer: bytes.as_ptr().cast_mut(),
                buffer_length: bytes.len(),
                buffer_capacity: bytes.len(),
                allocator: rcl::rcutils_get_default_allocator(),
            };
            check(rcl::rcl_publish_serialized_message(
                publisher.as_ref(),
                &raw const message,
                ptr::null_mut(),
            ))
        }
    }

    /// How many subscribers a publisher has.
    pub(super) fn listeners(&self, index: usize) -> usize {
        let Some(publisher) = self.publishers.get(index) else { return 0 };
        let mut count = 0;
        // SAFETY: the publisher is initialised, the count is only written to in the call.
        match check(unsafe { rcl::rcl_publisher_get_subscription_count(publisher.as_ref(), &raw mut count) })
        {
            Ok(()) => count,
            Err(_) => 0,
        }
    }

    /// Waits until every reliable subscriber has acknowledged all that was sent, not longer than `limit`.
    pub(super) fn all_acknowledged(&self, index: usize, limit: Span) -> bool {
        let Some(publisher) = self.publishers.get(index) else { return true };
        let limit_ns = limit.nanos().max(0);
        // SAFETY: the publisher is initialised.
        let waited = unsafe { rcl::rcl_publisher_wait_for_all_acked(publisher.as_ref(), limit_ns) };
        check(waited).is_ok()
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        // SAFETY: each was initialised, is ended once, and in the reverse order.
        unsafe {
            for publisher in &mut self.publishers {
                rcl::rcl_publisher_fini(publisher.as_mut(), self.node.as_mut());
            }
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

/// The arguments of the process without a name or namespace given to nodes: those are for the node with the services.
fn for_this_node(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let renames = |a: &str| ["__node:=", "__name:=", "__ns:="].iter().any(|p| a.starts_with(p));
    let mut kept: Vec<String> = Vec::new();
    for argument in arguments {
        if !renames(&argument) {
            kept.push(argument);
        } else if matches!(kept.last().map(String::as_str), Some("-r" | "--remap")) {
            kept.pop();
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nodes_are_taken_out_and_remappings_of_topics_stay() {
        let given = "player --ros-args -r __node:=p -r __ns:=/n -r /scan:=/scan2 -p rate:=2.0";
        let kept = for_this_node(given.split(' ').map(str::to_owned));
        assert_eq!(kept.join(" "), "player --ros-args -r /scan:=/scan2 -p rate:=2.0");
    }
}
