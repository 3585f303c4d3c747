//! The names that topics and services get from the arguments of a command line.

use super::{Words, check};
use r2r_rcl as rcl;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::OnceLock;

// `rcl/remap.h`, which the bindings leave out.
unsafe extern "C" {
    fn rcl_remap_topic_name(
        local_arguments: *const rcl::rcl_arguments_t,
        global_arguments: *const rcl::rcl_arguments_t,
        topic_name: *const c_char,
        node_name: *const c_char,
        node_namespace: *const c_char,
        allocator: rcl::rcl_allocator_t,
        output_name: *mut *mut c_char,
    ) -> rcl::rcl_ret_t;
    fn rcl_remap_service_name(
        local_arguments: *const rcl::rcl_arguments_t,
        global_arguments: *const rcl::rcl_arguments_t,
        service_name: *const c_char,
        node_name: *const c_char,
        node_namespace: *const c_char,
        allocator: rcl::rcl_allocator_t,
        output_name: *mut *mut c_char,
    ) -> rcl::rcl_ret_t;
}

/// Of what a name is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Topic,
    Service,
}

/// Those of this process, once they were checked.
static GIVEN: OnceLock<Arguments> = OnceLock::new();

/// Arguments of a command line as rcl understands them.
pub(super) struct Arguments(rcl::rcl_arguments_t);

// SAFETY: what it leads to is only read, and no more changed, until it is dropped.
unsafe impl Send for Arguments {}
// SAFETY: as above.
unsafe impl Sync for Arguments {}

impl Arguments {
    pub(super) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let words = Words::new(words)?;
        // SAFETY: the words outlive the call, which copies what it keeps.
        unsafe {
            let mut parsed = Self(rcl::rcl_get_zero_initialized_arguments());
            let allocator = rcl::rcutils_get_default_allocator();
            check(rcl::rcl_parse_arguments(words.count, words.first(), allocator, &raw mut parsed.0))?;
            Ok(parsed)
        }
    }

    /// Keeps them as those of this process; the first ones stay.
    pub(super) fn keep(self) {
        let _ = GIVEN.set(self);
    }

    fn remapped(&self, kind: Kind, name: &str, node: &str, namespace: &str) -> anyhow::Result<String> {
        let remap = match kind {
            Kind::Topic => rcl_remap_topic_name,
            Kind::Service => rcl_remap_service_name,
        };
        let given = name;
        let (name, node, namespace) = (CString::new(name)?, CString::new(node)?, CString::new(namespace)?);
        // SAFETY: all texts outlive the call; what it has allocated is copied and given back with the same allocator.
        unsafe {
            let allocator = rcl::rcutils_get_default_allocator();
            let mut output: *mut c_char = ptr::null_mut();
            check(remap(
                ptr::null(),
                &raw const self.0,
                name.as_ptr(),
                node.as_ptr(),
                namespace.as_ptr(),
                allocator,
                &raw mut output,
            ))?;
            if output.is_null() {
                return Ok(given.to_owned());
            }
            let remapped = CStr::from_ptr(output).to_string_lossy().into_owned();
            if let Some(deallocate) = allocator.deallocate {
                deallocate(output.cast(), allocator.state);
            }
            Ok(remapped)
        }
    }
}

impl Drop for Arguments {
    fn drop(&mut self) {
        // SAFETY: ended once; arguments that could not be parsed are null, which is refused without harm.
        unsafe {
            if !self.0.impl_.is_null() {
                let _ = rcl::rcl_arguments_fini(&raw mut self.0);
            }
            rcl::rcutils_reset_error();
        }
    }
}

/// What this process calls the topic or service of this full name, in a node of this name and namespace.
///
/// # Errors
/// Says what rcl says.
pub(crate) fn remapped(kind: Kind, name: &str, node: &str, namespace: &str) -> anyhow::Result<String> {
    match GIVEN.get() {
        Some(arguments) => arguments.remapped(kind, name, node, namespace),
        None => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_services_have_the_names_that_the_command_line_gives_them() {
        let line =
            "gate --ros-args -r cmd_vel:=/base/cmd_vel -r gate:scan:=front/scan -r planner:map:=/other";
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let arguments = Arguments::parse(&words).unwrap();
        for (topic, namespace, name) in [
            ("/cmd_vel", "/", "/base/cmd_vel"),
            ("/one/cmd_vel", "/one", "/base/cmd_vel"),
            ("/one/scan", "/one", "/one/front/scan"),
            ("/map", "/", "/map"),
            ("/gate/cmd_vel", "/", "/gate/cmd_vel"),
        ] {
            let of = |kind| arguments.remapped(kind, topic, "gate", namespace).unwrap();
            assert_eq!(
                (of(Kind::Topic).as_str(), of(Kind::Service).as_str()),
                (name, name),
                "{topic} in {namespace}"
            );
        }
        assert_eq!(
            remapped(Kind::Topic, "/cmd_vel", "gate", "/").unwrap(),
            "/cmd_vel",
            "nothing was given to this process"
        );
    }
}
