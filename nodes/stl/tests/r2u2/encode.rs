//! Writes the specification binary of `r2u2_core` (format of R2U2 4.x) for one past-time formula.
//!
//! A binary is a chain of records, each starting with the distance to the next one; distance 0 ends it.
//! First a header that the engine skips, then the booleanizer (signals to atomic Booleans), the temporal
//! instructions, and the sizes of their queues and the bounds of their intervals.

use r2u2_core::{R2U2_MAX_ATOMICS, R2U2_MAX_BZ_INSTRUCTIONS, R2U2_MAX_QUEUE_SLOTS, R2U2_MAX_TL_INSTRUCTIONS};

/// As the upper bound of `once` and `historically`: back to the first sample, for any trace shorter than this.
pub const EVER: u32 = 1 << 20;

/// A past-time formula over numbered signals; bounds are counted in samples.
///
/// The engine compares with a tolerance of 1e-5: nearer than that counts as equal.
#[derive(Clone, Debug, PartialEq)]
pub enum Formula {
    Less {
        signal: usize,
        limit: f64,
    },
    LessEqual {
        signal: usize,
        limit: f64,
    },
    Greater {
        signal: usize,
        limit: f64,
    },
    GreaterEqual {
        signal: usize,
        limit: f64,
    },
    Not(Box<Formula>),
    And(Box<Formula>, Box<Formula>),
    Or(Box<Formula>, Box<Formula>),
    Implies(Box<Formula>, Box<Formula>),
    Once {
        from: u32,
        to: u32,
        of: Box<Formula>,
    },
    Historically {
        from: u32,
        to: u32,
        of: Box<Formula>,
    },
    Since {
        from: u32,
        to: u32,
        left: Box<Formula>,
        right: Box<Formula>,
    },
    /// R2U2's own operator. It is meant to ask its left side only up to `now - from`, and it forgets: after
    /// the left side was false it turns true again as soon as the left side does, without the right side.
    EngineSince {
        from: u32,
        to: u32,
        left: Box<Formula>,
        right: Box<Formula>,
    },
}

/// The binary with one specification, number 0.
///
/// # Panics
/// When the formula is too large for the engine: see [`fits`].
pub fn encode(formula: &Formula) -> Vec<u8> {
    let program = Program::of(formula);
    assert!(program.fits(), "too large for the engine: {formula:?}");
    program.write()
}

/// Whether the engine has room for the formula.
pub fn fits(formula: &Formula) -> bool {
    Program::of(formula).fits()
}

/// Opcodes and tags as in `r2u2_core/src/instructions` and `src/engines`.
mod op {
    pub const ENGINE_CONFIGURATION: u8 = 2;
    pub const ENGINE_TEMPORAL: u8 = 4;
    pub const ENGINE_BOOLEANIZER: u8 = 5;

    pub const LOAD_FLOAT: u8 = 0b00_0010;
    pub const CONSTANT_FLOAT: u8 = 0b00_0100;
    pub const STORE: u8 = 0b00_0101;
    pub const GREATER: u8 = 0b00_1111;
    pub const GREATER_EQUAL: u8 = 0b01_0001;
    pub const LESS: u8 = 0b01_0011;
    pub const LESS_EQUAL: u8 = 0b01_0101;

    pub const NOTHING: u8 = 0b1_1111;
    pub const LOAD: u8 = 0b1_1101;
    pub const RETURN: u8 = 0b1_1100;
    pub const NOT: u8 = 0b1_0111;
    pub const AND: u8 = 0b1_0110;
    pub const OR: u8 = 0b1_0101;
    pub const SINCE: u8 = 0b0_1001;
    pub const TRIGGER: u8 = 0b0_1000;
}

#[derive(Clone, Copy)]
enum Operand {
    Atomic(u32),
    Constant(bool),
    Queue(u32),
    None,
}

impl Operand {
    fn value_and_type(self) -> (u32, u8) {
        match self {
            Operand::Atomic(index) => (index, 0),
            Operand::Constant(truth) => (u32::from(truth), 1),
            Operand::Queue(index) => (index, 2),
            Operand::None => (0, 3),
        }
    }
}

/// One temporal instruction; its position in the list is the number of its queue.
struct Node {
    opcode: u8,
    operands: [Operand; 2],
    bounds: Option<(u32, u32)>,
    early: Early,
}

/// How many samples ahead of time the verdicts true and false can be known.
#[derive(Clone, Copy, Default)]
struct Early {
    yes: u32,
    no: u32,
}

impl Node {
    /// The engine keeps runs of equal verdicts. Ahead of time the runs alternate only as far as both truths
    /// are known early; the last run beyond that, the present one and the one before it are the rest.
    fn slots(&self) -> u32 {
        self.early.yes.min(self.early.no) + 3
    }
}

#[derive(Default)]
struct Program {
    booleanizer: Vec<u8>,
    slots: u32,
    atomics: u32,
    nodes: Vec<Node>,
}

impl Program {
    fn of(formula: &Formula) -> Self {
        let mut program = Self::default();
        let root = program.add(formula);
        program.push(op::RETURN, [Operand::Queue(root), Operand::None], None, Early::default());
        program
    }

    fn fits(&self) -> bool {
        self.nodes.len() <= R2U2_MAX_TL_INSTRUCTIONS
            && self.nodes.iter().map(|node| node.slots() as usize).sum::<usize>() <= R2U2_MAX_QUEUE_SLOTS
            && self.slots as usize <= R2U2_MAX_BZ_INSTRUCTIONS
            && self.atomics as usize <= R2U2_MAX_ATOMICS
    }

    fn add(&mut self, formula: &Formula) -> u32 {
        use Formula::{
            And, EngineSince, Greater, GreaterEqual, Historically, Implies, Less, LessEqual, Not, Once, Or,
            Since,
        };
        match formula {
            Less { signal, limit } => self.compare(op::LESS, *signal, *limit),
            LessEqual { signal, limit } => self.compare(op::LESS_EQUAL, *signal, *limit),
            Greater { signal, limit } => self.compare(op::GREATER, *signal, *limit),
            GreaterEqual { signal, limit } => self.compare(op::GREATER_EQUAL, *signal, *limit),
            Not(of) => {
                let of = self.add(of);
                self.logical(op::NOT, of, None)
            }
            And(left, right) => self.binary(op::AND, left, right),
            Or(left, right) => self.binary(op::OR, left, right),
            Implies(left, right) => {
                // The engine has the opcode but does nothing on it.
                let left = self.add(left);
                let not_left = self.logical(op::NOT, left, None);
                let right = self.add(right);
                self.logical(op::OR, not_left, Some(right))
            }
            Once { from, to, of } => {
                let of = self.add(of);
                self.once((*from, *to), of)
            }
            Historically { from, to, of } => {
                let of = self.add(of);
                self.historically((*from, *to), of)
            }
            Since { from, to, left, right } => self.since(*from, *to, left, right),
            EngineSince { from, to, left, right } => self.engine_since((*from, *to), left, right),
        }
    }

    /// In terms of the other operators, since the engine's own is wrong: [`Formula::EngineSince`].
    fn since(&mut self, from: u32, to: u32, left: &Formula, right: &Formula) -> u32 {
        let left = self.add(left);
        let right = self.add(right);
        let recent = self.since_within(to - from, left, right);
        if from == 0 {
            return recent;
        }
        let then = self.once((from, from), recent);
        let until_now = self.historically((0, from - 1), left);
        self.logical(op::AND, then, Some(until_now))
    }

    /// `left since[0:to] right` by halves: the right side was true in the newer half, or the left side was
    /// true throughout that and `since` held at the end of the older half.
    fn since_within(&mut self, to: u32, left: u32, right: u32) -> u32 {
        if to == 0 {
            return right;
        }
        // An odd number of samples back are two equal halves, an even one is the present and the rest.
        let odd = to % 2 == 1;
        let half = if odd { to / 2 } else { 0 };
        let newer = self.since_within(half, left, right);
        let older = if odd { newer } else { self.since_within(to - 1, left, right) };
        let throughout = self.historically((0, half), left);
        let then = self.once((half + 1, half + 1), older);
        let both = self.logical(op::AND, throughout, Some(then));
        self.logical(op::OR, newer, Some(both))
    }

    fn engine_since(&mut self, bounds: (u32, u32), left: &Formula, right: &Formula) -> u32 {
        let operands = [self.add(left), self.add(right)];
        let [a, b] = operands.map(|index| self.early(index));
        let early = Early { yes: a.yes.max(b.yes) + bounds.0, no: b.no + bounds.0 };
        self.temporal(op::SINCE, operands.map(Operand::Queue), bounds, early)
    }

    fn once(&mut self, bounds: (u32, u32), of: u32) -> u32 {
        let early = self.early(of);
        let early = Early { yes: early.yes + bounds.1, no: early.no + bounds.0 };
        self.temporal(op::SINCE, [Operand::Constant(true), Operand::Queue(of)], bounds, early)
    }

    fn historically(&mut self, bounds: (u32, u32), of: u32) -> u32 {
        let early = self.early(of);
        let early = Early { yes: early.yes + bounds.0, no: early.no + bounds.1 };
        self.temporal(op::TRIGGER, [Operand::Constant(false), Operand::Queue(of)], bounds, early)
    }

    fn temporal(&mut self, opcode: u8, operands: [Operand; 2], bounds: (u32, u32), early: Early) -> u32 {
        assert!(bounds.0 <= bounds.1 && bounds.1 <= EVER, "not an interval: {bounds:?}");
        self.push(opcode, operands, Some(bounds), early)
    }

    fn binary(&mut self, opcode: u8, left: &Formula, right: &Formula) -> u32 {
        let left = self.add(left);
        let right = self.add(right);
        self.logical(opcode, left, Some(right))
    }

    fn compare(&mut self, opcode: u8, signal: usize, limit: f64) -> u32 {
        let value = self.booleanize(op::LOAD_FLOAT, (signal as u64).to_le_bytes(), 0);
        let limit = self.booleanize(op::CONSTANT_FLOAT, limit.to_le_bytes(), 0);
        let truth = self.booleanize(opcode, u64::from(value).to_le_bytes(), limit);
        let atomic = self.atomics;
        self.booleanize(op::STORE, u64::from(truth).to_le_bytes(), atomic);
        self.atomics += 1;
        self.push(op::LOAD, [Operand::Atomic(atomic), Operand::None], None, Early::default())
    }

    /// Every booleanizer instruction has a slot of its own for its result.
    fn booleanize(&mut self, opcode: u8, first: [u8; 8], second: u32) -> u32 {
        let slot = self.slots;
        let mut body = vec![op::ENGINE_BOOLEANIZER];
        body.extend(first);
        body.extend(second.to_le_bytes());
        body.extend(slot.to_le_bytes());
        body.push(opcode);
        record(&mut self.booleanizer, &body);
        self.slots += 1;
        slot
    }

    fn logical(&mut self, opcode: u8, left: u32, right: Option<u32>) -> u32 {
        let a = self.early(left);
        let b = right.map_or(a, |right| self.early(right));
        let early = match opcode {
            op::NOT => Early { yes: a.no, no: a.yes },
            op::AND => Early { yes: a.yes.min(b.yes), no: a.no.max(b.no) },
            _ => Early { yes: a.yes.max(b.yes), no: a.no.min(b.no) },
        };
        self.push(opcode, [Operand::Queue(left), right.map_or(Operand::None, Operand::Queue)], None, early)
    }

    fn early(&self, index: u32) -> Early {
        self.nodes[index as usize].early
    }

    fn push(&mut self, opcode: u8, operands: [Operand; 2], bounds: Option<(u32, u32)>, early: Early) -> u32 {
        self.nodes.push(Node { opcode, operands, bounds, early });
        self.nodes.len() as u32 - 1
    }

    fn write(&self) -> Vec<u8> {
        let mut binary = vec![];
        record(&mut binary, b"R2U2 specification\0");
        binary.extend(&self.booleanizer);
        for (index, node) in self.nodes.iter().enumerate() {
            record(&mut binary, &instruction(op::ENGINE_TEMPORAL, node.operands, index, node.opcode));
        }
        // All sizes come before the first bounds: the engine finds a queue by the end of the one before it.
        for (index, node) in self.nodes.iter().enumerate() {
            configure(&mut binary, [Operand::Atomic(node.slots()), Operand::None], index);
        }
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some((from, to)) = node.bounds {
                configure(&mut binary, [Operand::Queue(from), Operand::Queue(to)], index);
            }
        }
        binary.push(0);
        binary
    }
}

fn instruction(engine: u8, operands: [Operand; 2], index: usize, opcode: u8) -> Vec<u8> {
    let [(a, a_type), (b, b_type)] = operands.map(Operand::value_and_type);
    let mut body = vec![engine];
    for word in [a, b, index as u32] {
        body.extend(word.to_le_bytes());
    }
    body.extend([a_type, b_type, opcode]);
    body
}

/// The operand type tells the engine what is configured: "atomic" a queue's size, "queue" an interval.
fn configure(binary: &mut Vec<u8>, operands: [Operand; 2], index: usize) {
    let mut body = vec![op::ENGINE_CONFIGURATION];
    body.extend(instruction(op::ENGINE_TEMPORAL, operands, index, op::NOTHING));
    record(binary, &body);
}

fn record(binary: &mut Vec<u8>, body: &[u8]) {
    binary.push(u8::try_from(body.len() + 1).unwrap());
    binary.extend(body);
}
