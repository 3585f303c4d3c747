//! Subscriptions to bytes of any type whose libraries are there at run time, with what the middleware says of a message.
//!
//! r2r subscribes to types that it was built with, gives neither source time nor publisher, and holds ten messages a
//! subscription, the next one lost in silence.

use super::types::TypeSupport;
use super::{Node, OK, check};
use anyhow::Context as _;
use outrider_runtime::Qos;
use r2r_rcl as rcl;
use std::ffi::CString;
use std::ptr;
use std::time::Duration;

/// The most messages of one subscription in one turn, so that none keeps the others waiting.
const BURST: usize = 64;
const TIMEOUT: i32 = rcl::RCL_RET_TIMEOUT as i32;

/// What the middleware says of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// When it was published, ns since the epoch; zero where that is not known.
    pub source_ns: i64,
    /// Counts the messages of a publisher; `None` where the middleware does not.
    pub number: Option<u64>,
    /// The publisher.
    pub publisher: [u8; 16],
}

/// The subscriptions of a program, by number.
pub(crate) struct Inputs {
    wait_set: rcl::rcl_wait_set_t,
    #[allow(clippy::vec_box, reason = "rcl keeps pointers to them")]
    subscriptions: Vec<Box<rcl::rcl_subscription_t>>,
    buffer: rcl::rcl_serialized_message_t,
    /// Messages that could not be taken.
    pub errors: u64,
    // Dropped last: the others hang on it.
    node: Node,
}

impl Inputs {
    /// Makes the node.
    pub(crate) fn open(name: &str) -> anyhow::Result<Self> {
        let mut node = Node::open(name, &[])?;
        // SAFETY: zero-initialised values are initialised once; the context is boxed and outlives both.
        unsafe {
            let allocator = rcl::rcutils_get_default_allocator();
            let mut buffer = rcl::rcutils_get_zero_initialized_uint8_array();
            check(rcl::rcutils_uint8_array_init(&raw mut buffer, 64 << 10, &raw const allocator))
                .context("a buffer")?;
            let mut wait_set = rcl::rcl_get_zero_initialized_wait_set();
            check(rcl::rcl_wait_set_init(
                &raw mut wait_set,
                0,
                0,
                0,
                0,
                0,
                0,
                node.context.as_mut(),
                allocator,
            ))
            .context("a wait set")?;
            Ok(Self { wait_set, subscriptions: Vec::new(), buffer, errors: 0, node })
        }
    }

    /// Subscribes; the number of the subscription and the type's hash.
    pub(crate) fn subscribe(
        &mut self,
        topic: &str,
        type_name: &str,
        qos: Qos,
    ) -> anyhow::Result<(usize, String)> {
        let support = TypeSupport::load(type_name)?;
        let name = CString::new(topic)?;
        // SAFETY: the type support lives for ever, the node as long as the subscription (see `drop`).
        unsafe {
            let mut subscription = Box::new(rcl::rcl_get_zero_initialized_subscription());
            let mut options = rcl::rcl_subscription_get_default_options();
            options.qos = crate::qos::profile(qos).into();
            check(rcl::rcl_subscription_init(
                subscription.as_mut(),
                self.node.as_ptr(),
                support.as_ptr(),
                name.as_ptr(),
                &options,
            ))
            .context("subscribing")?;
            self.subscriptions.push(subscription);
            check(rcl::rcl_wait_set_resize(&mut self.wait_set, self.subscriptions.len(), 0, 0, 0, 0, 0))
                .context("the wait set")?;
            Ok((self.subscriptions.len() - 1, support.hash()))
        }
    }

    /// Waits for messages, not longer than `limit`, and hands over what is there: subscription, origin, bytes.
    pub(crate) fn turn(
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

impl Drop for Inputs {
    fn drop(&mut self) {
        // SAFETY: each was initialised, is ended once, and in the reverse order; the node is still there.
        unsafe {
            rcl::rcl_wait_set_fini(&raw mut self.wait_set);
            for subscription in &mut self.subscriptions {
                rcl::rcl_subscription_fini(subscription.as_mut(), self.node.node.as_mut());
            }
            rcl::rcutils_uint8_array_fini(&raw mut self.buffer);
            rcl::rcutils_reset_error();
        }
    }
}
