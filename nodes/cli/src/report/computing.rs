//! What the nodes computed between a scan and the first velocity that rests on it, from their journals.
//!
//! A journal names the messages that a step consumed by the digest of their bytes. So a velocity leads back to its scan: the
//! gate's state names permit and command, the command its world model, that its scan; and the journals tell for each of
//! these four messages how long the step took that took it in: decoding, step and encoding, without handing over to DDS.

use super::reading::time_ns;
use super::recording::{Gate, SAMPLE_LIMIT};
use outrider_msgs::outrider_msgs as ours;
use outrider_msgs::sensor_msgs::LaserScan;
use outrider_runtime::payload_digest;
use std::collections::BTreeMap;

/// The nodes in the order in which they take in the four messages, and the topics of these.
const TAKERS: [(&str, &str); 4] = [
    ("world_model", "/scan"),
    ("planner", "/world_model"),
    ("assurance", "/cmd_vel_nominal"),
    ("gate", "/assurance/permit"),
];

/// The four messages by what the next one calls them, and the steps that took them in.
#[derive(Clone, Debug, Default)]
pub struct Computing {
    /// By stamp: digest.
    scans: BTreeMap<i64, u64>,
    /// By number: digest, and stamp of the scan.
    models: BTreeMap<u64, (u64, i64)>,
    /// By source and number: digest, and number of the world model.
    commands: BTreeMap<(u8, u64), (u64, u64)>,
    /// By number: digest.
    permits: BTreeMap<u64, u64>,
    /// By index into [`TAKERS`] and digest: nanoseconds.
    took_ns: BTreeMap<(usize, u64), u32>,
    /// By index into [`TAKERS`]: which input of that node the topic is; `None` as long as it has not told.
    input: [Option<u16>; TAKERS.len()],
    /// What there was no room for.
    left_out: u64,
}

impl Computing {
    /// Takes a scan in; `data` are its bytes.
    pub fn take_scan(&mut self, scan: &LaserScan, data: &[u8]) {
        self.left_out += insert(&mut self.scans, time_ns(&scan.header.stamp), payload_digest(data));
    }

    /// Takes a world model in.
    pub fn take_model(&mut self, topic: &str, model: &ours::WorldModel, data: &[u8]) {
        if topic == "/world_model" {
            let told = (payload_digest(data), time_ns(&model.scan_stamp));
            self.left_out += insert(&mut self.models, model.sequence, told);
        }
    }

    /// Takes a command in, whoever proposed it.
    pub fn take_command(&mut self, topic: &str, command: &ours::Command, data: &[u8]) {
        if let "/cmd_vel_nominal" | "/cmd_vel_recovery" = topic {
            let told = (payload_digest(data), command.world_model_sequence);
            self.left_out += insert(&mut self.commands, (command.source, command.sequence), told);
        }
    }

    /// Takes a permit in.
    pub fn take_permit(&mut self, topic: &str, permit: &ours::Permit, data: &[u8]) {
        if topic == "/assurance/permit" {
            self.left_out += insert(&mut self.permits, permit.sequence, payload_digest(data));
        }
    }

    /// Takes in what a node was started with: only steps that took in one of the four messages are kept from there on.
    pub fn take_info(&mut self, info: &ours::NodeInfo) {
        for ((node, topic), input) in TAKERS.iter().zip(&mut self.input) {
            if *node == info.node {
                let index = info.inputs.iter().position(|name| name == topic);
                *input = index.and_then(|index| u16::try_from(index).ok());
            }
        }
    }

    /// Takes a step in. One whose time was not measured counts for nothing.
    pub fn take_tick(&mut self, tick: &ours::Tick) {
        let Some(taker) = TAKERS.iter().position(|(node, _)| *node == tick.node) else { return };
        let wanted = self.input.get(taker).copied().flatten();
        let inputs = tick.inputs.iter().filter(|input| wanted.is_none_or(|wanted| wanted == input.input));
        for input in inputs.filter(|_| tick.duration > 0) {
            self.left_out += insert(&mut self.took_ns, (taker, input.digest), tick.duration);
        }
    }

    /// Says so when something was left out.
    pub fn left_out_note(&self) -> Option<String> {
        let n = self.left_out;
        (n > 0).then(|| format!("of it computing: {n} messages and steps beyond {SAMPLE_LIMIT} are left out"))
    }

    /// For each of these periods of the gate: milliseconds that the four steps took which led to it from its scan. Left out
    /// where one of the four messages is not recorded, or a step was not measured.
    pub fn chains_ms(&self, periods: &[&Gate]) -> Vec<f64> {
        periods.iter().filter_map(|gate| self.chain_ns(gate)).map(|ns| ns as f64 / 1e6).collect()
    }

    fn chain_ns(&self, gate: &Gate) -> Option<u64> {
        let permit = self.permits.get(&gate.permit_sequence)?;
        let (command, model) = self.commands.get(&(gate.source, gate.command_sequence))?;
        let (model, scan_ns) = self.models.get(model)?;
        let scan = self.scans.get(scan_ns)?;
        let took =
            |(taker, digest): (usize, &u64)| self.took_ns.get(&(taker, *digest)).copied().map(u64::from);
        [scan, model, command, permit].into_iter().enumerate().map(took).sum()
    }
}

/// How many were left out: one, when there is no room.
fn insert<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) -> u64 {
    let room = map.len() < SAMPLE_LIMIT;
    if room {
        map.insert(key, value);
    }
    u64::from(!room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_msgs::builtin_interfaces::Time;
    use outrider_msgs::{Message, encode};

    fn tick(node: &str, consumed: &[u8], duration: u32) -> ours::Tick {
        let input = ours::TickInput { digest: payload_digest(consumed), ..Default::default() };
        ours::Tick { node: node.into(), inputs: vec![input], duration, ..Default::default() }
    }

    fn bytes(message: &impl Message) -> Vec<u8> {
        encode(message).unwrap()
    }

    /// A scan at 5 s leads by world model 30, command 40 and permit 50 to a period of the gate.
    fn chain(steps_ns: [u32; 4]) -> (Computing, Gate) {
        let stamp = Time { sec: 5, nanosec: 0 };
        let mut scan = LaserScan::default();
        scan.header.stamp = stamp.clone();
        let model = ours::WorldModel { sequence: 30, scan_stamp: stamp, ..Default::default() };
        let command = ours::Command { sequence: 40, world_model_sequence: 30, ..Default::default() };
        let permit = ours::Permit { sequence: 50, command_sequence: 40, ..Default::default() };
        let all = [bytes(&scan), bytes(&model), bytes(&command), bytes(&permit)];
        let mut computing = Computing::default();
        computing.take_scan(&scan, &all[0]);
        computing.take_model("/world_model", &model, &all[1]);
        computing.take_command("/cmd_vel_nominal", &command, &all[2]);
        computing.take_permit("/assurance/permit", &permit, &all[3]);
        for (((node, _), consumed), ns) in TAKERS.into_iter().zip(&all).zip(steps_ns) {
            computing.take_tick(&tick(node, consumed, ns));
            // Whoever else takes it in is on no way to the gate.
            computing.take_tick(&tick("recorder", consumed, 7_000_000));
        }
        // The assurance takes the scan in too: that is no link either.
        computing.take_tick(&tick("assurance", &all[0], 9_000_000));
        (computing, Gate { command_sequence: 40, permit_sequence: 50, ..Gate::default() })
    }

    #[test]
    fn a_chain_is_the_sum_of_its_four_steps() {
        let (computing, gate) = chain([200_000, 150_000, 40_000, 2_000]);
        assert_eq!(computing.chains_ms(&[&gate]), [0.392]);
    }

    #[test]
    fn a_chain_with_a_gap_is_left_out() {
        let (computing, gate) = chain([200_000, 0, 40_000, 2_000]);
        assert!(computing.chains_ms(&[&gate]).is_empty());
        let (computing, gate) = chain([1; 4]);
        let others = [
            Gate { permit_sequence: 51, ..gate.clone() },
            Gate { command_sequence: 41, ..gate.clone() },
            Gate { source: ours::Command::RECOVERY, ..gate.clone() },
        ];
        assert!(computing.chains_ms(&others.each_ref()).is_empty());
        assert_eq!(computing.chains_ms(&[&gate]).len(), 1);
    }

    #[test]
    fn only_steps_that_took_in_one_of_the_four_are_kept() {
        let mut computing = Computing::default();
        let inputs = ["/scan", "/odom", "/cmd_vel_nominal"].map(String::from).to_vec();
        computing.take_info(&ours::NodeInfo { node: "assurance".into(), inputs, ..Default::default() });
        for input in [0, 1, 2] {
            let input = ours::TickInput { input, digest: 10 + u64::from(input), ..Default::default() };
            let node = "assurance".to_owned();
            computing.take_tick(&ours::Tick { node, inputs: vec![input], duration: 5, ..Default::default() });
        }
        assert_eq!(computing.took_ns, BTreeMap::from([((2, 12), 5)]));
        assert_eq!(computing.left_out_note(), None);
    }

    #[test]
    fn what_there_is_no_room_for_is_told() {
        let mut computing = Computing::default();
        for sequence in 0..SAMPLE_LIMIT as u64 + 3 {
            computing.take_permit("/assurance/permit", &ours::Permit { sequence, ..Default::default() }, &[]);
        }
        let note = computing.left_out_note().unwrap();
        assert_eq!(note, "of it computing: 3 messages and steps beyond 2000000 are left out");
    }
}
