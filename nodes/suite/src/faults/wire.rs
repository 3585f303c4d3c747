//! What happens to messages on their way: lost, late, doubled, out of order, frozen, biased, spoilt, cut off.

use super::{Fault, FaultKind, Party};
use crate::assemble::NODES;
use crate::bindings::topics;
use crate::lockstep::START;
use crate::wire::{Delivery, Passage, Wire};
use garde::Validate;
use outrider_foundation::rng::Rng;
use outrider_foundation::validate::{count_within, within};
use outrider_foundation::{Instant, Span};
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
            #[schemars(length(min = 1, max = 128))]
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
            #[schemars(range(min = 0.0, max = 1.0))]
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
        #[schemars(range(min = 0.0, max = 60.0))]
        by_s: f64,
        /// And by up to so much more, evenly drawn, s.
        #[garde(custom(within(0.0, 60.0)))]
        #[schemars(range(min = 0.0, max = 60.0))]
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
        #[schemars(range(min = -1e6, max = 1e6))]
        #[serde(default = "all", skip_serializing_if = "is_all")]
        scale: f64,
        /// Plus so much.
        #[garde(custom(within(-1e6, 1e6)))]
        #[schemars(range(min = -1e6, max = 1e6))]
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
        #[garde(custom(count_within(1, 100)))]
        #[schemars(range(min = 1, max = 100))]
        copies: usize,
        /// Each so much later than the one before, s.
        #[garde(custom(within(0.0, 60.0)))]
        #[schemars(range(min = 0.0, max = 60.0))]
        #[serde(default, skip_serializing_if = "is_zero")]
        every_s: f64,
    }
    /// Messages overtake each other.
    Reorder {
        /// Each is late by up to so much, evenly drawn, s.
        #[garde(custom(within(0.0, 60.0)))]
        #[schemars(range(min = 0.0, max = 60.0))]
        within_s: f64,
    }
}

impl Delay {
    /// Whether all are late by the same time; as with DDS, none of those that come afterwards overtakes them.
    fn keeps_order(&self) -> bool {
        self.jitter_s <= 0.0 && self.probability >= 1.0
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
        self.topic.is_none_or(|topic| same_topic(topic, passage.topic))
            && self.from.is_none_or(|node| node.name() == passage.from)
            && self.to.is_none_or(|node| node.name() == passage.to)
    }

    /// Whether there may be messages that both take.
    fn meets(&self, other: &Self) -> bool {
        self.topic.zip(other.topic).is_none_or(|(own, other)| same_topic(own, other))
            && self.from.zip(other.from).is_none_or(|(own, other)| own == other)
            && self.to.zip(other.to).is_none_or(|(own, other)| own == other)
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

/// How many times over a message comes at the most: of all that may be doubled at the same time, one after the other.
pub(super) fn most_copies(faults: &[Fault]) -> Option<(usize, usize)> {
    let doubled = |fault: &Fault| match &fault.what {
        FaultKind::Duplicate(duplicate) => Some(duplicate.copies + 1),
        _ => None,
    };
    let all: Vec<(usize, &Fault, usize)> = faults
        .iter()
        .enumerate()
        .filter_map(|(index, fault)| Some((index, fault, doubled(fault)?)))
        .collect();
    // The most are under way when one begins.
    let meets = |own: &Fault, other: &Fault| {
        let links = Link::of(&own.what).zip(Link::of(&other.what));
        links.is_some_and(|(own, other)| own.meets(&other)) && other.strikes_at(own.at_s)
    };
    let copies = |own: &Fault| {
        let together = all.iter().filter(|(_, other, _)| meets(own, other));
        together.fold(1, |product: usize, (.., times)| product.saturating_mul(*times))
    };
    all.iter().map(|(index, own, _)| (*index, copies(own))).max_by_key(|(_, copies)| *copies)
}

/// Whether there is anything that the fault could strike, among all that nodes send each other: sender, topic, receiver.
pub(super) fn strikes_any<'a>(
    what: &FaultKind,
    mut links: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
) -> bool {
    let Some(link) = Link::of(what) else { return true };
    let now = START;
    links.any(|(from, topic, to)| link.takes(&Passage { now, topic, from, to, bytes: &[] }))
}

/// With a slash in front or without.
fn same_topic(one: &str, other: &str) -> bool {
    one.trim_start_matches('/') == other.trim_start_matches('/')
}

/// The type of a topic's messages; the stamped one of `cmd_vel`.
fn topic_type(name: &str) -> Option<&'static str> {
    topics::all(&NODES, true).iter().find(|topic| same_topic(&topic.name, name)).map(|topic| topic.type_name)
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
    /// When the last one arrives that is late and keeps its place, by sender, topic and listener.
    under_way: BTreeMap<[String; 3], Instant>,
}

/// By topic and listener.
fn place(passage: &Passage) -> (String, String) {
    (passage.topic.to_owned(), passage.to.to_owned())
}

/// By sender, topic and listener: what passes here stays in order.
fn route(passage: &Passage) -> [String; 3] {
    [passage.from, passage.topic, passage.to].map(str::to_owned)
}

/// A message under way, as often as it arrives: how much later, and its bytes.
type Copies = Vec<(Span, Vec<u8>)>;

/// The wires of a scenario with faults. Several that strike a message do so one after the other, as the file has them.
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
                under_way: BTreeMap::new(),
            })
        };
        Self { faults: faults.iter().enumerate().filter_map(of).collect() }
    }
}

impl Wire for FaultyWire {
    fn carry(&mut self, passage: &Passage) -> Delivery {
        let at_s = passage.now.mono.since(START.mono).as_s();
        let mut copies = None;
        // All are asked, so that what one draws does not depend on what another strikes.
        for struck in &mut self.faults {
            let strikes = struck.strikes(at_s, passage);
            if matches!(struck.fault.what, FaultKind::Freeze(_)) {
                struck.remember(at_s, passage, copies.as_ref());
            }
            let whole = || Copies::from([(Span::ZERO, passage.bytes.to_vec())]);
            if strikes {
                struck.strike(passage, copies.get_or_insert_with(whole));
            } else if let Some(by) = struck.behind(passage) {
                later(copies.get_or_insert_with(whole), by);
            }
        }
        copies.map_or(Delivery::Pass, Delivery::Instead)
    }
}

fn later(copies: &mut Copies, by: Span) {
    copies.iter_mut().for_each(|(late, _)| *late = *late + by);
}

impl Struck {
    fn strikes(&mut self, at_s: f64, passage: &Passage) -> bool {
        let Some(link) = Link::of(&self.fault.what).filter(|link| link.takes(passage)) else { return false };
        let is_time = self.fault.strikes_at(at_s);
        // Without one before, the first within its time is what it freezes.
        if matches!(self.fault.what, FaultKind::Freeze(_)) && !self.kept.contains_key(&place(passage)) {
            return false;
        }
        if let FaultKind::Partition(side) = &self.fault.what {
            let within = |name: &str| side.iter().any(|node| node.name() == name);
            return is_time && within(passage.from) != within(passage.to);
        }
        is_time && (link.probability >= 1.0 || self.rng.uniform() < link.probability)
    }

    /// What a fault that freezes will repeat: what those before it in the file have left of the last message before.
    fn remember(&mut self, at_s: f64, passage: &Passage, copies: Option<&Copies>) {
        let takes = Link::of(&self.fault.what).is_some_and(|link| link.takes(passage));
        if !takes || (self.fault.strikes_at(at_s) && self.kept.contains_key(&place(passage))) {
            return;
        }
        let left = match copies {
            None => Some(passage.bytes),
            Some(copies) => copies.last().map(|(_, bytes)| &**bytes),
        };
        if let Some(bytes) = left {
            self.kept.insert(place(passage), bytes.to_vec());
        }
    }

    /// How long a message that is not late itself waits for those before it that are.
    fn behind(&mut self, passage: &Passage) -> Option<Span> {
        if self.under_way.is_empty() || !Link::of(&self.fault.what).is_some_and(|link| link.takes(passage)) {
            return None;
        }
        let route = route(passage);
        let by = self.under_way.get(&route)?.since(passage.now.mono);
        if by <= Span::ZERO {
            self.under_way.remove(&route);
            return None;
        }
        Some(by)
    }

    fn strike(&mut self, passage: &Passage, copies: &mut Copies) {
        match &self.fault.what {
            FaultKind::Drop(_) | FaultKind::Partition(_) => copies.clear(),
            FaultKind::Delay(delay) => {
                let more_s = if delay.jitter_s > 0.0 { delay.jitter_s * self.rng.uniform() } else { 0.0 };
                later(copies, Span::from_s(delay.by_s + more_s));
                if delay.keeps_order() {
                    let arrives = passage.now.mono + Span::from_s(delay.by_s);
                    self.under_way.insert(route(passage), arrives);
                }
            }
            FaultKind::Reorder(reorder) => later(copies, Span::from_s(reorder.within_s * self.rng.uniform())),
            FaultKind::Freeze(_) => {
                if let Some(kept) = self.kept.get(&place(passage)) {
                    copies.iter_mut().for_each(|(_, bytes)| bytes.clone_from(kept));
                }
            }
            FaultKind::Bias(bias) => self.edit(copies, &bias.field, &mut |v| v * bias.scale + bias.add),
            FaultKind::Spoil(spoil) => self.edit(copies, &spoil.field, &mut |_| f64::NAN),
            FaultKind::Duplicate(duplicate) => {
                let again = |i: usize| Span::from_s(duplicate.every_s * i as f64);
                let each = |(late, bytes): (Span, Vec<u8>)| {
                    (0..=duplicate.copies).map(move |i| (late + again(i), bytes.clone()))
                };
                *copies = std::mem::take(copies).into_iter().flat_map(each).collect();
            }
            _ => {}
        }
    }

    fn edit(&self, copies: &mut Copies, field: &str, change: &mut dyn FnMut(f64) -> f64) {
        let Some(schema) = &self.schema else { return };
        for (_, bytes) in copies {
            // What is no such message stays as it is: it is refused where it arrives.
            let _ = schema.edit_floats(bytes, field, change);
        }
    }
}
