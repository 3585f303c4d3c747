//! A sound node, but for what it says.

use outrider_foundation::{Instant, Now};
use outrider_msgs::outrider_msgs::Tick;
use outrider_runtime::{Diagnosis, HostedNode, NodeSpec, OutputDigest, Outputs, Topic, payload_digest};

/// A node whose outputs are altered on their way out; its record of the step tells of what went out.
pub struct Altered<F> {
    node: Box<dyn HostedNode>,
    alter: F,
}

impl<F: FnMut(&mut Vec<u8>) + 'static> Altered<F> {
    /// `alter` gets the bytes of all messages of the node's first output.
    pub fn around(node: Box<dyn HostedNode>, alter: F) -> Box<dyn HostedNode> {
        Box::new(Self { node, alter })
    }
}

impl<F: FnMut(&mut Vec<u8>)> HostedNode for Altered<F> {
    fn spec(&self) -> &NodeSpec {
        self.node.spec()
    }
    fn inputs(&self) -> &[Topic] {
        self.node.inputs()
    }
    fn outputs(&self) -> &[Topic] {
        self.node.outputs()
    }
    fn deliver(&mut self, input: usize, received: Instant, bytes: &[u8]) {
        self.node.deliver(input, received, bytes);
    }
    fn step(&mut self, now: Now, outputs: &mut Outputs) -> &mut Tick {
        let Self { node, alter } = self;
        let mut all = OutputDigest::default();
        let tick = node.step(now, &mut |output, mut bytes, _| {
            if output == 0 {
                alter(&mut bytes);
            }
            let digest = payload_digest(&bytes);
            all.add(output, digest);
            outputs(output, bytes, digest);
        });
        (tick.outputs, tick.output_digest) = all.finish();
        tick
    }
    fn has_input(&self) -> bool {
        self.node.has_input()
    }
    fn next_wakeup(&self) -> Option<Instant> {
        self.node.next_wakeup()
    }
    fn diagnose(&self) -> Diagnosis {
        self.node.diagnose()
    }
}
