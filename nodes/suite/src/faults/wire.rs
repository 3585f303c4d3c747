//! What happens to messages on their way: lost, late, doubled, out of order, frozen, biased, spoilt, cut off.

use super::{Fault, FaultKind, Party};
use crate::assemble::NODES;
use crate::bindings::topics;
use crate::lockstep::START;
use crate::wire::{Delivery, Passage, Wire};
use garde::Validate;
use outrider_foundation::Span;
use outrider_foundation::rng::Rng;
use outrider_foundation::validate::within;
use outrider_msgs::{Schema, definition_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stream of what is drawn on the wires.
const STREAM: u32 = 0x7769_7265;

/// A kind of fault of wires: which messages it strikes, and the fields of its own.
macro_rules! on_the_wire {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Only messages of this topic; of all topics where it is left out.
            #[garde(inner(length(min = 1, max = 128)))]
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub topic: Option<String>,
            /// Only those from this node.
            #[garde(skip)]
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub from: Option<Party>,
            /// Only those to this node.
            #[garde(skip)]
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub to: Option<Party>,
            /// Share of the messages that are struck.
            #[garde(custom(within(0.0, 1.0)))]
            #[serde(default = "all", skip_serializing_if = "is_all")]
            pub probability: f64,
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl $name {
            fn link(&self) -> Link<'_> {
                Link { topic: self.topic.as_deref(), from: self.from, to: self.to, probability: self.probability }
            }
        }
    )*};
}

on_the_wire! {
    /// Messages are lost.
    Drop {}
    /// Messages are late.
    Delay {
        /// By so much, s.
        #[garde(custom(within(0.0, 60.0)))]
        by_s: f64,
        /// And by up to so much more, evenly drawn, s.
        #[garde(custom(within(0.0, 60.0)))]
        #[serde(default, skip_serializing_if = "is_zero")]
        jitter_s: f64,
    }
    /// The last message before comes again in the place of every one.
    Freeze {}
    /// Numbers are scaled, then shifted.
    Bias {
        /// Which: a path without indexes, `twist.twist.linear.x`; an array's are all meant.
        #[garde(length(min = 1, max = 128))]
        field: String,
        /// Times so much.
        #[garde(custom(within(-1e6, 1e6)))]
        #[serde(default = "all", skip_serializing_if = "is_all")]
        scale: f64,
        /// Plus so much.
        #[garde(custom(within(-1e6, 1e6)))]
        #[serde(default, skip_serializing_if = "is_zero")]
        add: f64,
    }
    /// Numbers are not numbers.
    Spoil {
        /// Which: a path without indexes, `twist.twist.linear.x`; an array's are all meant.
        #[garde(length(min = 1, max = 128))]
        field: String,
    }
    /// Messages come more than once.
    Duplicate {
        /// So many more times.
        #[garde(range(min = 1, max = 100))]
        copies: usize,
        /// Each so much later than the one before, s.
        #[garde(custom(within(0.0, 60.0)))]
        #[serde(default, skip_serializing_if = "is_zero")]
        every_s: f64,
    }
    /// Messages overtake each other.
    Reorder {
        /// Each is late by up to so much, evenly drawn, s.
        #[garde(custom(within(0.0, 60.0)))]
        within_s: f64,
    }
}

fn all() -> f64 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_all(value: &f64) -> bool {
    value.to_bits() == 1.0f64.to_bits()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(value: &f64) -> bool {
    value.abs() <= 0.0
}

/// Which messages are struck.
#[derive(Clone, Copy, Debug)]
struct Link<'a> {
    topic: Option<&'a str>,
    from: Option<Party>,
    to: Option<Party>,
    probability: f64,
}

impl Link<'_> {
    fn of(what: &FaultKind) -> Option<Link<'_>> {
        Some(match what {
            FaultKind::Drop(f) => f.link(),
            FaultKind::Delay(f) => f.link(),
            FaultKind::Freeze(f) => f.link(),
            FaultKind::Bias(f) => f.link(),
            FaultKind::Spoil(f) => f.link(),
            FaultKind::Duplicate(f) => f.link(),
            FaultKind::Reorder(f) => f.link(),
            FaultKind::Partition(_) => Link { topic: None, from: None, to: None, probability: 1.0 },
            _ => return None,
        })
    }

    fn takes(&self, passage: &Passage) -> bool {
        let same = |topic: &str| topic.trim_start_matches('/') == passage.topic.trim_start_matches('/');
        self.topic.is_none_or(same)
            && self.from.is_none_or(|node| node.name() == passage.from)
            && self.to.is_none_or(|node| node.name() == passage.to)
    }
}

/// What of a fault of wires cannot be.
pub(super) fn problem(what: &FaultKind) -> Option<String> {
    let link = Link::of(what)?;
    let type_name = match link.topic.map(|topic| (topic, topic_type(topic))) {
        Some((topic, None)) => return Some(format!("topic: there is no topic `{topic}` between nodes")),
        Some((_, Some(name))) => Some(name),
        None => None,
    };
    let field = match what {
        FaultKind::Bias(f) => &f.field,
        FaultKind::Spoil(f) => &f.field,
        _ => return None,
    };
    let Some(name) = type_name else { return Some("`field` needs a `topic`".to_owned()) };
    let has = schema(name).is_some_and(|schema| schema.has_floats(field));
    (!has).then(|| format!("field: {name} has no floating-point numbers at `{field}`"))
}

/// The type of a topic's messages; the stamped one of `cmd_vel`.
fn topic_type(name: &str) -> Option<&'static str> {
    let plain = |name: &str| name.trim_start_matches('/').to_owned();
    topics::all(&NODES, true)
        .iter()
        .find(|topic| plain(&topic.name) == plain(name))
        .map(|topic| topic.type_name)
}

fn schema(type_name: &str) -> Option<Schema> {
    Schema::parse(type_name, definition_of(type_name)?).ok()
}

/// A fault and what it remembers.
struct Struck {
    fault: Fault,
    rng: Rng,
    schema: Option<Schema>,
    /// The last message before, by topic and listener.
    kept: BTreeMap<(String, String), Vec<u8>>,
}

/// The wires of a scenario with faults. Of several faults that strike a message the first in the file does.
pub struct FaultyWire {
    faults: Vec<Struck>,
}

impl FaultyWire {
    /// Those of the faults that strike wires; what is drawn depends on the seed.
    pub fn new(faults: &[Fault], seed: u64) -> Self {
        let of = |(index, fault): (usize, &Fault)| {
            let link = Link::of(&fault.what)?;
            let type_name = link.topic.and_then(topic_type);
            Some(Struck {
                fault: fault.clone(),
                rng: Rng::new(seed, STREAM, index as u64),
                schema: type_name.and_then(schema),
                kept: BTreeMap::new(),
            })
        };
        Self { faults: faults.iter().enumerate().filter_map(of).collect() }
    }
}

impl Wire for FaultyWire {
    fn carry(&mut self, passage: &Passage) -> Delivery {
        let at_s = passage.now.mono.since(START.mono).as_s();
        let mut delivery = None;
        for struck in &mut self.faults {
            // All are asked, so that what one draws does not depend on what another strikes.
            let done = struck.carry(at_s, passage);
            delivery = delivery.or(done);
        }
        delivery.unwrap_or(Delivery::Pass)
    }
}

impl Struck {
    fn carry(&mut self, at_s: f64, passage: &Passage) -> Option<Delivery> {
        let link = Link::of(&self.fault.what)?;
        if !link.takes(passage) {
            return None;
        }
        if !self.fault.strikes_at(at_s) {
            if matches!(self.fault.what, FaultKind::Freeze(_)) {
                let place = (passage.topic.to_owned(), passage.to.to_owned());
                self.kept.insert(place, passage.bytes.to_vec());
            }
            return None;
        }
        if link.probability < 1.0 && self.rng.uniform() >= link.probability {
            return None;
        }
        match &self.fault.what {
            FaultKind::Drop(_) => Some(Delivery::DROP),
            FaultKind::Delay(delay) => {
                let more_s = if delay.jitter_s > 0.0 { delay.jitter_s * self.rng.uniform() } else { 0.0 };
                Some(Delivery::delayed(passage, Span::from_s(delay.by_s + more_s)))
            }
            FaultKind::Reorder(reorder) => {
                let late_s = reorder.within_s * self.rng.uniform();
                Some(Delivery::delayed(passage, Span::from_s(late_s)))
            }
            FaultKind::Freeze(_) => {
                let place = (passage.topic.to_owned(), passage.to.to_owned());
                self.kept.get(&place).map(|kept| Delivery::replaced(kept.clone()))
            }
            FaultKind::Bias(bias) => self.edited(passage, &bias.field, &mut |v| v * bias.scale + bias.add),
            FaultKind::Spoil(spoil) => self.edited(passage, &spoil.field, &mut |_| f64::NAN),
            FaultKind::Duplicate(duplicate) => {
                let copies = (1..=duplicate.copies)
                    .map(|i| (Span::from_s(duplicate.every_s * i as f64), passage.bytes.to_vec()));
                Some(Delivery::with(passage, copies))
            }
            FaultKind::Partition(side) => {
                let within = |name: &str| side.iter().any(|node| node.name() == name);
                (within(passage.from) != within(passage.to)).then_some(Delivery::DROP)
            }
            _ => None,
        }
    }

    fn edited(&self, passage: &Passage, field: &str, change: &mut dyn FnMut(f64) -> f64) -> Option<Delivery> {
        let mut bytes = passage.bytes.to_vec();
        self.schema.as_ref()?.edit_floats(&mut bytes, field, change).ok()?;
        Some(Delivery::replaced(bytes))
    }
}
