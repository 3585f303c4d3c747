//! Formulas of the language, with their structure kept so that the oracle need not read the text.

use crate::bytes::Bytes;

pub const SIGNALS: [&str; 3] = ["x", "y", "z"];

const DEPTH_LIMIT: u32 = 6;
const NODE_LIMIT: usize = 40;
const NS_PER_MS: i64 = 1_000_000;

/// From and to, ns.
pub type Interval = (i64, i64);

/// What an operator looks at, by the operands' places among all; functions by the name that was written.
pub enum Look {
    Signal(usize),
    Constant(f64),
    /// Only the present.
    Now(&'static str, Vec<usize>),
    /// `prev`.
    Before(usize),
    /// `rise` and `fall`.
    Edge(&'static str, usize),
    Over(&'static str, Option<Interval>, usize),
    Since(Option<Interval>, usize, usize),
}

impl Look {
    pub fn operands(&self) -> Vec<usize> {
        match self {
            Self::Signal(_) | Self::Constant(_) => vec![],
            Self::Now(_, operands) => operands.clone(),
            Self::Before(a) | Self::Edge(_, a) | Self::Over(_, _, a) => vec![*a],
            Self::Since(_, a, b) => vec![*a, *b],
        }
    }

    pub fn interval(&self) -> Option<Interval> {
        if let Self::Over(_, interval, _) | Self::Since(interval, ..) = self { *interval } else { None }
    }
}

/// As they are written, and what they are worth.
const NUMBERS: [(&str, f64); 8] = [
    ("0", 0.0),
    ("1", 1.0),
    ("(-1)", -1.0),
    ("0.25", 0.25),
    ("1e308", 1e308),
    ("1e-320", 1e-320),
    ("3", 3.0),
    ("(-0)", -0.0),
];

/// A formula.
pub struct Generated {
    pub definitions: String,
    pub body: String,
    /// Operands stand before their operators; the last is the whole formula.
    pub looks: Vec<Look>,
    /// Something in it must be refused.
    pub wrong: bool,
    /// An operator reaches back to the first sample.
    pub unbounded: bool,
}

impl Generated {
    pub fn text(&self) -> String {
        format!("{}{}", self.definitions, self.body)
    }

    pub fn negated(&self) -> String {
        format!("{}not ({})", self.definitions, self.body)
    }
}

/// Perhaps definitions, and a formula.
pub fn formula(bytes: &mut Bytes<'_>) -> Generated {
    let mut writer = Writer { bytes, looks: vec![], named: vec![], wrong: false, unbounded: false };
    let mut definitions = String::new();
    for i in 0..writer.bytes.below(8).saturating_sub(5) {
        let (look, text) = writer.expression(3);
        definitions.push_str(&format!("d{i} = {text};\n"));
        writer.named.push((look, format!("d{i}")));
    }
    let (look, mut body) = writer.expression(0);
    if writer.bytes.next() == 0xff {
        body.push_str(" % ");
        writer.wrong = true;
    }
    // The oracle takes the last for the whole: a lone definition is not.
    writer.push(Look::Now("", vec![look]));
    let Writer { looks, wrong, unbounded, .. } = writer;
    Generated { definitions, body, looks, wrong, unbounded }
}

struct Writer<'a, 'b> {
    bytes: &'a mut Bytes<'b>,
    looks: Vec<Look>,
    named: Vec<(usize, String)>,
    wrong: bool,
    unbounded: bool,
}

type Written = (usize, String);

impl Writer<'_, '_> {
    fn push(&mut self, look: Look) -> usize {
        self.looks.push(look);
        self.looks.len() - 1
    }

    fn expression(&mut self, depth: u32) -> Written {
        if depth >= DEPTH_LIMIT || self.looks.len() >= NODE_LIMIT {
            return self.leaf();
        }
        match self.bytes.below(12) {
            0 | 1 => self.leaf(),
            2 => self.function(depth),
            3 | 4 => self.comparison(),
            5 | 6 => self.binary(depth),
            7 => self.step(depth),
            8 | 9 => self.over(depth),
            _ => self.since(depth),
        }
    }

    fn leaf(&mut self) -> Written {
        let choice = self.bytes.below(8);
        match self.named.last().cloned() {
            Some(definition) if choice == 7 => definition,
            _ if choice < 6 => {
                let signal = usize::from(choice % 3);
                (self.push(Look::Signal(signal)), SIGNALS[signal].to_owned())
            }
            _ => {
                let (text, number) = self.bytes.one_of(&NUMBERS);
                (self.push(Look::Constant(number)), text.to_owned())
            }
        }
    }

    fn function(&mut self, depth: u32) -> Written {
        let name = self.bytes.one_of(&["not", "-", "!", "abs", "sqrt", "exp", "pow"]);
        let (a, text) = self.expression(depth + 1);
        if name == "pow" {
            let (b, exponent) = self.leaf();
            return (self.push(Look::Now(name, vec![a, b])), format!("pow({text}, {exponent})"));
        }
        (self.push(Look::Now(name, vec![a])), format!("{name}({text})"))
    }

    /// The commonest leaf of a specification: a signal against something.
    fn comparison(&mut self) -> Written {
        let operator = self.bytes.one_of(&["<", "<=", ">", ">=", "==", "!="]);
        let ((a, left), (b, right)) = (self.leaf(), self.leaf());
        (self.push(Look::Now(operator, vec![a, b])), format!("{left} {operator} {right}"))
    }

    fn binary(&mut self, depth: u32) -> Written {
        let all = [
            "and", "or", "->", "implies", "iff", "<->", "xor", "&", "||", "+", "-", "*", "/", "<", ">=", "==",
        ];
        let operator = self.bytes.one_of(&all);
        let (a, left) = self.expression(depth + 1);
        let (b, right) = self.expression(depth + 1);
        (self.push(Look::Now(operator, vec![a, b])), format!("({left}) {operator} ({right})"))
    }

    fn step(&mut self, depth: u32) -> Written {
        let name = self.bytes.one_of(&["prev", "Y", "s_prev", "sY", "rise", "fall"]);
        let (a, text) = self.expression(depth + 1);
        let look = if matches!(name, "rise" | "fall") { Look::Edge(name, a) } else { Look::Before(a) };
        (self.push(look), format!("{name}({text})"))
    }

    fn over(&mut self, depth: u32) -> Written {
        let name = self.bytes.one_of(&["historically", "once", "H", "O"]);
        let (interval, bounds) = self.interval();
        let (a, text) = self.expression(depth + 1);
        (self.push(Look::Over(name, interval, a)), format!("{name}{bounds}({text})"))
    }

    fn since(&mut self, depth: u32) -> Written {
        let name = self.bytes.one_of(&["since", "S"]);
        let (interval, bounds) = self.interval();
        let (a, left) = self.expression(depth + 1);
        let (b, right) = self.expression(depth + 1);
        (self.push(Look::Since(interval, a, b)), format!("({left}) {name}{bounds} ({right})"))
    }

    fn interval(&mut self) -> (Option<Interval>, String) {
        let form = self.bytes.below(8);
        if form == 7 {
            self.unbounded = true;
            return (None, String::new());
        }
        let unit = self.bytes.one_of(&[50, 50, 50, 50, 100, 100, 1, 1_000_000_000]) * NS_PER_MS;
        let from = i64::from(self.bytes.one_of(&[0_u8, 0, 0, 1, 2, 4, 10, 20])) * unit;
        let to = from + i64::from(self.bytes.one_of(&[1_u8, 2, 3, 4, 6, 10, 20, 0])) * unit;
        if to == 0 || to > 9_000_000_000_000_000 {
            self.wrong = true;
        }
        let text = match form {
            0 | 1 => format!("[{}ms:{}ms]", from / NS_PER_MS, to / NS_PER_MS),
            2 => format!("[{} : {} ms]", from / NS_PER_MS, to / NS_PER_MS),
            3 => format!("[{from}ns,{to}ns]"),
            4 => format!("[{}us:{}us]", from / 1000, to / 1000),
            _ => format!("[{}:{}]", from as f64 / 1e9, to as f64 / 1e9),
        };
        (Some((from, to)), text)
    }
}
