//! Plain `rcl`, for what r2r does not give: bytes of any type that is installed, with what the middleware says of them, and
//! acknowledgements of what was published.
//!
//! A program that wants it has a node of its own for it, below the one it has with r2r, in a context of its own.

#![allow(unsafe_code, reason = "a C library; every call is in this folder")]

mod inputs;
mod names;
mod outputs;
mod types;

pub(crate) use inputs::{Inputs, Origin};
pub(crate) use names::{Kind, remapped};
pub(crate) use outputs::Outputs;

use anyhow::{Context as _, bail};
use r2r_rcl as rcl;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

const OK: i32 = rcl::RCL_RET_OK as i32;

/// Whether ROS can make sense of the arguments of this process: r2r ends it where it cannot. Words that are not for ROS are for
/// nobody. From then on [`remapped`] goes by them.
///
/// # Errors
/// Names the first word that is not for ROS, or says what rcl says.
pub(crate) fn check_arguments(arguments: &[String]) -> anyhow::Result<()> {
    checked(arguments).map(names::Arguments::keep)
}

fn checked(arguments: &[String]) -> anyhow::Result<names::Arguments> {
    let mut for_ros = false;
    for (before, word) in arguments.iter().zip(arguments.iter().skip(1)) {
        let is_parameter = for_ros && ["-p", "--param"].contains(&before.as_str());
        match word.as_str() {
            "--ros-args" => for_ros = true,
            "--" if for_ros => for_ros = false,
            // rcl would name nothing.
            word if is_parameter && word.ends_with(":=") => {
                bail!("parameter `{}` has no value", word.trim_end_matches(":="))
            }
            _ if for_ros => {}
            word => bail!("`{word}` is not known: parameters are given as --ros-args -p NAME:=VALUE"),
        }
    }
    names::Arguments::parse(arguments)
}

/// Arguments as C has them.
struct Words {
    // What the pointers lead to.
    _texts: Vec<CString>,
    pointers: Vec<*const c_char>,
    count: i32,
}

impl Words {
    fn new(arguments: &[String]) -> anyhow::Result<Self> {
        let texts: Vec<CString> =
            arguments.iter().map(|a| CString::new(a.as_str())).collect::<Result<_, _>>()?;
        let pointers: Vec<*const c_char> = texts.iter().map(|a| a.as_ptr()).collect();
        let count = i32::try_from(pointers.len()).context("too many arguments")?;
        Ok(Self { _texts: texts, pointers, count })
    }

    /// Of the pointers; none where there are no words.
    fn first(&self) -> *const *const c_char {
        if self.pointers.is_empty() { ptr::null() } else { self.pointers.as_ptr() }
    }
}

/// A node alone in its context. What is made with it has to be ended before it is dropped.
struct Node {
    // Boxed: rcl keeps pointers to both.
    context: Box<rcl::rcl_context_t>,
    node: Box<rcl::rcl_node_t>,
}

impl Node {
    /// Makes the node in the root namespace, with the arguments of a command line. A name with `_` before it is hidden.
    fn open(name: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let name = CString::new(name)?;
        let words = Words::new(arguments)?;
        // SAFETY: zero-initialised values are initialised in rcl's order; what it keeps pointers to is boxed, the rest
        // outlives the call that it is handed to. Ending what was not initialised does nothing.
        unsafe {
            let mut new = Self {
                context: Box::new(rcl::rcl_get_zero_initialized_context()),
                node: Box::new(rcl::rcl_get_zero_initialized_node()),
            };
            let mut options = rcl::rcl_get_zero_initialized_init_options();
            check(rcl::rcl_init_options_init(&raw mut options, rcl::rcutils_get_default_allocator()))
                .context("rcl options")?;
            let started =
                check(rcl::rcl_init(words.count, words.first(), &raw const options, new.context.as_mut()));
            let ended = check(rcl::rcl_init_options_fini(&raw mut options));
            started.and(ended).context("starting rcl")?;
            let mut settings = rcl::rcl_node_get_default_options();
            settings.enable_rosout = false;
            let root = c"/";
            check(rcl::rcl_node_init(
                new.node.as_mut(),
                name.as_ptr(),
                root.as_ptr(),
                new.context.as_mut(),
                &raw const settings,
            ))
            .context("creating the node")?;
            Ok(new)
        }
    }

    fn as_ptr(&self) -> *const rcl::rcl_node_t {
        self.node.as_ref()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: each is ended once, and in the reverse order; what was never initialised is left alone.
        unsafe {
            rcl::rcl_node_fini(self.node.as_mut());
            if rcl::rcl_context_is_valid(self.context.as_ref()) {
                rcl::rcl_shutdown(self.context.as_mut());
            }
            rcl::rcl_context_fini(self.context.as_mut());
            rcl::rcutils_reset_error();
        }
    }
}

/// rcl's error as ours.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_ros_does_not_take_are_told() {
        let told = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            checked(&words).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(told("sim"), Ok(()));
        assert_eq!(told("sim --ros-args -p scenario:='' -p config:=config"), Ok(()));
        assert_eq!(told("sim --ros-args -p scenario:=a.yaml -r __ns:=/one --"), Ok(()));
        for (line, part) in [
            ("sim --scenario a.yaml", "`--scenario` is not known"),
            ("sim --ros-args -p a:=1 -- --help", "`--help` is not known"),
            ("sim --ros-args --params-file /nowhere.yaml", "/nowhere.yaml"),
            ("sim --ros-args -p", "-p"),
            ("sim --ros-args -p config:=", "parameter `config` has no value"),
            ("sim --ros-args --param zones:= -r a:=b", "parameter `zones` has no value"),
        ] {
            let error = told(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
