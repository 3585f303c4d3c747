//! Definitions of message types, as rosbag2 puts them into a bag.

/// The languages that rosbag2 knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SchemaEncoding {
    /// `.msg` files: the type, then every type it contains behind a line of `=` and `MSG: pkg/Type`.
    #[default]
    Ros2Msg,
    /// `.idl` files: the type and every type it contains, each behind a line of `=` and `IDL: pkg/msg/Type`.
    Ros2Idl,
}

impl SchemaEncoding {
    /// Its name in an MCAP schema record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ros2Msg => "ros2msg",
            Self::Ros2Idl => "ros2idl",
        }
    }

    /// By its name; `None` for what is not of ROS 2.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Ros2Msg, Self::Ros2Idl].into_iter().find(|encoding| encoding.name() == name)
    }
}

/// A type's definition with all that it contains; empty when it is not known. A plain text is one of [`SchemaEncoding::Ros2Msg`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Definition<'a> {
    /// Its language.
    pub encoding: SchemaEncoding,
    /// Its text.
    pub text: &'a str,
}

impl<'a> From<&'a str> for Definition<'a> {
    fn from(text: &'a str) -> Self {
        Self { encoding: SchemaEncoding::Ros2Msg, text }
    }
}

impl<'a> From<&'a String> for Definition<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}
