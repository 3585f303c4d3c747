//! Topics as nodes declare them.

/// How a topic is carried, in ROS 2's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qos {
    /// Reliable, else best effort.
    pub reliable: bool,
    /// Transient local (the last is kept for late comers), else volatile.
    pub transient_local: bool,
    /// Keep last so many.
    pub depth: u32,
}

impl Qos {
    /// rclcpp's SensorDataQoS.
    pub const SENSOR: Self = Self { reliable: false, transient_local: false, depth: 5 };
    /// Between the nodes of the suite: nothing may be lost, and old ones are of no use.
    pub const RELIABLE: Self = Self { reliable: true, transient_local: false, depth: 10 };
    /// Records that a bag must have whole: kept for a recorder that comes late.
    pub const RECORD: Self = Self { reliable: true, transient_local: true, depth: 1000 };
    /// Kept for late comers: maps, static transforms, what a node was started with.
    pub const LATCHED: Self = Self { reliable: true, transient_local: true, depth: 1 };

    /// As `offered_qos_profiles` in rosbag2's channel metadata has it.
    pub fn to_rosbag2_yaml(self) -> String {
        let reliability = if self.reliable { "reliable" } else { "best_effort" };
        let durability = if self.transient_local { "transient_local" } else { "volatile" };
        format!(
            "- history: keep_last\n  depth: {}\n  reliability: {reliability}\n  durability: {durability}\n  \
             deadline:\n    sec: 9223372036\n    nsec: 854775807\n  lifespan:\n    sec: 9223372036\n    nsec: 854775807\n  \
             liveliness: automatic\n  liveliness_lease_duration:\n    sec: 9223372036\n    nsec: 854775807\n  \
             avoid_ros_namespace_conventions: false\n",
            self.depth
        )
    }
}

/// A topic by name, type and quality of service. Names without a leading slash are relative to the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Type of its messages, as `sensor_msgs/msg/LaserScan`.
    pub type_name: &'static str,
    /// How it is carried.
    pub qos: Qos,
}

impl Topic {
    /// A topic that carries messages of type `T`.
    pub fn of<T: outrider_msgs::Message>(name: impl Into<String>, qos: Qos) -> Self {
        Self { name: name.into(), type_name: T::TYPE_NAME, qos }
    }

    /// Its name in the root namespace.
    pub fn absolute_name(&self) -> String {
        if self.name.starts_with('/') { self.name.clone() } else { format!("/{}", self.name) }
    }
}
