//! A sound node, but for what it says.

use outrider_foundation::Now;
use outrider_msgs::outrider_msgs::Tick;
use outrider_runtime::{Around, HostedNode, OutputDigest, Outputs, payload_digest};

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

impl<F: FnMut(&mut Vec<u8>)> Around for Altered<F> {
    fn inner(&self) -> &dyn HostedNode {
        self.node.as_ref()
    }
    fn inner_mut(&mut self) -> &mut dyn HostedNode {
        self.node.as_mut()
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
}
