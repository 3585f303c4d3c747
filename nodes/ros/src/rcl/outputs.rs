//! Publishers of bytes of any type whose libraries are there, which tell whether what they sent was acknowledged.
//!
//! r2r keeps the handle that `rcl_publisher_wait_for_all_acked` wants to itself.

use super::types::TypeSupport;
use super::{Node, check};
use crate::qos::offered;
use anyhow::{bail, ensure};
use outrider_foundation::Span;
use outrider_runtime::Qos;
use r2r_rcl as rcl;
use std::ffi::CString;
use std::ptr;

/// The publishers of a program, by number.
pub(crate) struct Outputs {
    #[allow(clippy::vec_box, reason = "rcl keeps pointers to them")]
    publishers: Vec<Box<rcl::rcl_publisher_t>>,
    // Dropped last: the others hang on it.
    node: Node,
}

impl Outputs {
    /// Makes the node. It takes the remappings of topics that the process was started with.
    pub(crate) fn open(name: &str) -> anyhow::Result<Self> {
        let arguments = for_this_node(std::env::args());
        Ok(Self { publishers: Vec::new(), node: Node::open(name, &arguments)? })
    }

    /// Offers a topic; the publisher's number.
    ///
    /// `type_hash`, where it is not empty, is that of the definition which the bytes to come were written with.
    pub(crate) fn advertise(
        &mut self,
        topic: &str,
        type_name: &str,
        type_hash: &str,
        qos: Qos,
    ) -> anyhow::Result<usize> {
        let support = TypeSupport::load(type_name)?;
        let installed = support.hash();
        ensure!(
            type_hash.is_empty() || installed.is_empty() || type_hash == installed,
            "{type_name} was {type_hash}, and the one that is installed is {installed}: another definition"
        );
        let topic = CString::new(topic)?;
        // SAFETY: the type support is static, the node lives as long as the publisher (see `drop`).
        unsafe {
            let mut publisher = Box::new(rcl::rcl_get_zero_initialized_publisher());
            let mut options = rcl::rcl_publisher_get_default_options();
            options.qos = offered(qos).into();
            check(rcl::rcl_publisher_init(
                publisher.as_mut(),
                self.node.as_ptr(),
                support.as_ptr(),
                topic.as_ptr(),
                &raw const options,
            ))?;
            self.publishers.push(publisher);
        }
        Ok(self.publishers.len() - 1)
    }

    /// Sends a serialised message.
    pub(crate) fn publish(&self, index: usize, bytes: &[u8]) -> anyhow::Result<()> {
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
    pub(crate) fn listeners(&self, index: usize) -> usize {
        let Some(publisher) = self.publishers.get(index) else { return 0 };
        let mut count = 0;
        // SAFETY: the publisher is initialised, the count is only written to in the call.
        match check(unsafe { rcl::rcl_publisher_get_subscription_count(publisher.as_ref(), &raw mut count) })
        {
            Ok(()) => count,
            Err(_) => 0,
        }
    }

    /// How many of them are best effort, so that nobody learns what they lost.
    pub(crate) fn best_effort_listeners(&self, index: usize) -> usize {
        let Some(publisher) = self.publishers.get(index) else { return 0 };
        // SAFETY: the publisher is initialised and owns the name; the list is ended once, and read before.
        unsafe {
            let mut allocator = rcl::rcutils_get_default_allocator();
            let name = rcl::rcl_publisher_get_topic_name(publisher.as_ref());
            let mut found = rcl::rmw_get_zero_initialized_topic_endpoint_info_array();
            let asked = rcl::rcl_get_subscriptions_info_by_topic(
                self.node.as_ptr(),
                &raw mut allocator,
                name,
                false,
                &raw mut found,
            );
            if check(asked).is_err() || found.info_array.is_null() {
                return 0;
            }
            let best_effort = rcl::rmw_qos_reliability_policy_e::RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT;
            let all = std::slice::from_raw_parts(found.info_array, found.size);
            let count = all.iter().filter(|info| info.qos_profile.reliability == best_effort).count();
            let _ = check(rcl::rmw_topic_endpoint_info_array_fini(&raw mut found, &raw mut allocator));
            count
        }
    }

    /// Waits until every reliable subscriber has acknowledged all that was sent, not longer than `limit`.
    pub(crate) fn all_acknowledged(&self, index: usize, limit: Span) -> bool {
        let Some(publisher) = self.publishers.get(index) else { return true };
        let limit_ns = limit.nanos().max(0);
        // SAFETY: the publisher is initialised.
        let waited = unsafe { rcl::rcl_publisher_wait_for_all_acked(publisher.as_ref(), limit_ns) };
        check(waited).is_ok()
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        // SAFETY: each was initialised and is ended once; the node is still there.
        unsafe {
            for publisher in &mut self.publishers {
                rcl::rcl_publisher_fini(publisher.as_mut(), self.node.node.as_mut());
            }
            rcl::rcutils_reset_error();
        }
    }
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
