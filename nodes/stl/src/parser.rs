//! Tokens into formulas: precedence climbing with the levels of RTAMT's grammar.
//!
//! From loose to tight: `xor`, `iff`, `implies`, `or`, `and`, `since`, the operators of one operand, comparisons,
//! `+ -`, `* /`, the sign. All operators of two operands associate to the left, as in RTAMT.

use crate::error::{Position, StlError};
use crate::formula::{Binary, Expression, Extremum, Formula, Interval, Node, NodeId, Step, Unary};
use crate::lexer::{Kind, Token, syntax, tokens};
use outrider_foundation::Span;
use std::collections::BTreeMap;

/// Operators within operators.
const DEPTH_LIMIT: usize = 128;
/// Nodes of one formula.
const NODE_LIMIT: usize = 4096;

/// Signals that a text may declare, and its annotations.
const DECLARATION_LIMIT: usize = 256;

/// Words that are no names. The second half are RTAMT's operators of the future and its other words.
const RESERVED: [&str; 43] = [
    "historically",
    "H",
    "once",
    "O",
    "since",
    "S",
    "prev",
    "Y",
    "s_prev",
    "sY",
    "rise",
    "fall",
    "not",
    "and",
    "or",
    "xor",
    "implies",
    "iff",
    "abs",
    "sqrt",
    "exp",
    "pow",
    "const",
    "input",
    "output",
    "float",
    "int",
    "specification",
    "always",
    "G",
    "eventually",
    "F",
    "until",
    "U",
    "next",
    "X",
    "s_next",
    "sX",
    "unless",
    "W",
    "log",
    "ln",
    "import",
];

/// Levels of binding.
const LOOSEST: u8 = 0;
const SINCE: u8 = 6;
const PREFIX: u8 = 7;
const NEGATION: u8 = 8;
const TIGHTEST: u8 = 12;

/// Which signals there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known<'a> {
    /// Given: columns of a trace.
    Given(&'a [&'a str]),
    /// Those that the text declares with `input float NAME`.
    Declared,
}

/// `@key(value, …)` as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Annotation {
    pub at: Position,
    pub key: String,
    pub value: Value,
}

/// What an annotation holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Time(Span),
}

/// A text: perhaps a name and annotations, and one formula, the last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    pub name: Option<String>,
    pub annotations: Vec<Annotation>,
    /// Where the signals are declared.
    pub declared: Vec<Position>,
    /// Formulas without a name, and whether the last formula is one.
    pub nameless: usize,
    pub ends_nameless: bool,
    /// Where a bracket misleads about what an operator takes, or `->` follows `->` without one.
    pub misleading: Option<Position>,
    pub formula: Formula,
}

/// Reads a text.
pub(crate) fn parse(text: &str, known: Known<'_>) -> Result<Document, StlError> {
    let signals = match known {
        Known::Given(names) => names.iter().map(|n| (*n).to_owned()).collect(),
        Known::Declared => vec![],
    };
    let may_declare = matches!(known, Known::Declared);
    let parser = Parser {
        text,
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
        nodes: vec![],
        declared: vec![],
        nameless: 0,
        ends_nameless: false,
        misleading: None,
        signals,
        may_declare,
        constants: BTreeMap::new(),
        definitions: BTreeMap::new(),
    };
    parser.document()
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    depth: usize,
    nodes: Vec<Node>,
    declared: Vec<Position>,
    nameless: usize,
    ends_nameless: bool,
    misleading: Option<Position>,
    signals: Vec<String>,
    may_declare: bool,
    constants: BTreeMap<&'a str, f64>,
    definitions: BTreeMap<&'a str, NodeId>,
}

impl<'a> Parser<'a> {
    fn document(mut self) -> Result<Document, StlError> {
        let mut name = None;
        let mut annotations = vec![];
        let mut root = None;
        while self.peek().kind != Kind::End {
            match self.peek().kind {
                Kind::Word("specification") if root.is_none() && name.is_none() => {
                    self.advance();
                    name = Some(self.name("a name")?.0.to_owned());
                }
                Kind::Symbol("@") if root.is_none() && self.may_declare => {
                    annotations.push(self.annotation()?)
                }
                Kind::Word("const") => self.constant()?,
                Kind::Word("input" | "output" | "float" | "int") => self.declaration()?,
                _ => root = Some(self.assertion()?),
            }
        }
        let end = self.peek();
        let root = root.ok_or_else(|| self.expected("a formula", end))?;
        let Self { text, nodes, signals, declared, nameless, ends_nameless, misleading, .. } = self;
        let formula = Formula { text: text.to_owned(), nodes, root, signals };
        Ok(Document { name, annotations, declared, nameless, ends_nameless, misleading, formula })
    }

    /// `name = formula;` or `formula`. What follows must be separated by a semicolon.
    fn assertion(&mut self) -> Result<NodeId, StlError> {
        let defined = match (self.peek().kind, self.peek_second().kind) {
            (Kind::Word(name), Kind::Symbol("=")) => {
                let token = self.advance();
                self.free_name(name, token)?;
                self.advance();
                Some(name)
            }
            _ => None,
        };
        let root = self.expression(LOOSEST)?;
        self.ends_nameless = defined.is_none();
        self.nameless = self.nameless.saturating_add(usize::from(defined.is_none()));
        if let Some(name) = defined {
            self.definitions.insert(name, root);
        }
        if !self.eat(";") && self.peek().kind != Kind::End {
            return Err(self.expected("an operator, `;` or the end", self.peek()));
        }
        Ok(root)
    }

    /// `const float NAME = NUMBER`.
    fn constant(&mut self) -> Result<(), StlError> {
        self.advance();
        self.type_name()?;
        let (name, token) = self.name("the constant's name")?;
        self.free_name(name, token)?;
        self.expect("=")?;
        let sign = if self.eat("-") { -1.0 } else { 1.0 };
        let number = self.advance();
        let Kind::Number(value) = number.kind else { return Err(self.expected("a number", number)) };
        self.constants.insert(name, sign * value);
        self.eat(";");
        Ok(())
    }

    /// `input float NAME`: a signal; `output float NAME` says nothing.
    fn declaration(&mut self) -> Result<(), StlError> {
        let output = self.peek().kind == Kind::Word("output");
        if matches!(self.peek().kind, Kind::Word("input" | "output")) {
            self.advance();
        }
        self.type_name()?;
        let (name, token) = self.name("the signal's name")?;
        self.eat(";");
        if output || (!self.may_declare && self.signals.iter().any(|s| s == name)) {
            return Ok(());
        }
        if !self.may_declare {
            return Err(self.unknown(name, token));
        }
        self.free_name(name, token)?;
        if self.signals.len() >= DECLARATION_LIMIT {
            let at = self.place(token);
            return Err(StlError::TooLarge { at, limit: DECLARATION_LIMIT, what: "signals" });
        }
        self.declared.push(self.place(token));
        self.signals.push(name.to_owned());
        Ok(())
    }

    fn type_name(&mut self) -> Result<(), StlError> {
        let token = self.advance();
        match token.kind {
            Kind::Word("float" | "int") => Ok(()),
            _ => Err(self.expected("`float`", token)),
        }
    }

    /// `@key("text")`, `@key(word)` or `@key(200 ms)`.
    fn annotation(&mut self) -> Result<Annotation, StlError> {
        let at = self.place(self.peek());
        self.advance();
        let key = self.name("an annotation's name")?.0.to_owned();
        self.expect("(")?;
        let token = self.peek();
        let value = match token.kind {
            Kind::Text(text) | Kind::Word(text) => {
                self.advance();
                Value::Text(text.to_owned())
            }
            Kind::Number(_) => {
                let (number, unit) = self.duration()?;
                // 200 for 200 ms would be minutes.
                let unit = unit.ok_or_else(|| self.expected(UNITS, self.peek()))?;
                Value::Time(self.span(token, number, unit)?)
            }
            _ => return Err(self.expected("a text or a time", token)),
        };
        self.expect(")")?;
        self.eat(";");
        Ok(Annotation { at, key, value })
    }

    fn expression(&mut self, binding: u8) -> Result<NodeId, StlError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEPTH_LIMIT {
            let at = self.place(self.peek());
            return Err(StlError::TooLarge { at, limit: DEPTH_LIMIT, what: "operators within each other" });
        }
        let first = self.peek();
        let start = first.start;
        let mut left = self.operand()?;
        let mut last = None;
        while let Some((level, operator)) = infix(self.peek().kind) {
            if level < binding {
                break;
            }
            let of_prefix = binding == PREFIX || binding == NEGATION;
            let closed = first.kind == Kind::Symbol("(") && last.is_none() && of_prefix;
            let chained = operator == Some(Binary::Implies) && last == Some(operator);
            if closed || chained {
                let at = self.place(self.peek());
                self.misleading.get_or_insert(at);
            }
            last = Some(operator);
            self.advance();
            let interval = if level == SINCE { self.interval()? } else { None };
            let right = self.expression(level.saturating_add(1))?;
            let expression = match operator {
                Some(operator) => Expression::Binary(operator, left, right),
                None => Expression::Since(interval, left, right),
            };
            left = self.push(expression, start)?;
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(left)
    }

    fn operand(&mut self) -> Result<NodeId, StlError> {
        let token = self.advance();
        match token.kind {
            Kind::Number(value) => self.push(Expression::Constant(value), token.start),
            Kind::Symbol("(") => {
                let inner = self.expression(LOOSEST)?;
                self.expect(")")?;
                Ok(inner)
            }
            Kind::Symbol("-") => self.unary(token, Unary::Negate, TIGHTEST),
            Kind::Symbol("!") | Kind::Word("not") => self.unary(token, Unary::Negate, NEGATION),
            Kind::Word("historically" | "H") => self.over(token, Extremum::Least),
            Kind::Word("once" | "O") => self.over(token, Extremum::Greatest),
            Kind::Word("prev" | "Y") => self.step(token, Step::Previous),
            Kind::Word("s_prev" | "sY") => self.step(token, Step::StrongPrevious),
            Kind::Word("rise") => self.in_brackets(token, |a| Expression::Step(Step::Rise, a)),
            Kind::Word("fall") => self.in_brackets(token, |a| Expression::Step(Step::Fall, a)),
            Kind::Word("abs") => self.in_brackets(token, |a| Expression::Unary(Unary::Abs, a)),
            Kind::Word("sqrt") => self.in_brackets(token, |a| Expression::Unary(Unary::Sqrt, a)),
            Kind::Word("exp") => self.in_brackets(token, |a| Expression::Unary(Unary::Exp, a)),
            Kind::Word("pow") => self.power(token),
            Kind::Word(word) => self.reference(word, token),
            _ => Err(self.expected("a signal, a number, an operator or `(`", token)),
        }
    }

    fn unary(&mut self, token: Token<'a>, operator: Unary, binding: u8) -> Result<NodeId, StlError> {
        let operand = self.expression(binding)?;
        self.push(Expression::Unary(operator, operand), token.start)
    }

    fn over(&mut self, token: Token<'a>, extremum: Extremum) -> Result<NodeId, StlError> {
        let interval = self.interval()?;
        let operand = self.expression(PREFIX)?;
        self.push(Expression::Over(extremum, interval, operand), token.start)
    }

    fn step(&mut self, token: Token<'a>, step: Step) -> Result<NodeId, StlError> {
        let operand = self.expression(PREFIX)?;
        self.push(Expression::Step(step, operand), token.start)
    }

    fn in_brackets(
        &mut self,
        token: Token<'a>,
        expression: impl Fn(NodeId) -> Expression,
    ) -> Result<NodeId, StlError> {
        self.expect("(")?;
        let operand = self.expression(LOOSEST)?;
        self.expect(")")?;
        self.push(expression(operand), token.start)
    }

    fn power(&mut self, token: Token<'a>) -> Result<NodeId, StlError> {
        self.expect("(")?;
        let base = self.expression(LOOSEST)?;
        self.expect(",")?;
        let exponent = self.expression(LOOSEST)?;
        self.expect(")")?;
        self.push(Expression::Binary(Binary::Power, base, exponent), token.start)
    }

    fn reference(&mut self, word: &'a str, token: Token<'a>) -> Result<NodeId, StlError> {
        if let Some(node) = self.definitions.get(word) {
            return Ok(*node);
        }
        if let Some(value) = self.constants.get(word) {
            return self.push(Expression::Constant(*value), token.start);
        }
        if let Some(signal) =
            self.signals.iter().position(|s| s == word).filter(|_| !RESERVED.contains(&word))
        {
            return self.push(Expression::Signal(signal), token.start);
        }
        let future = match word {
            "always" | "G" => "`historically`",
            "eventually" | "F" => "`once`",
            "until" | "U" | "unless" | "W" => "`since`",
            "next" | "X" | "s_next" | "sX" => "`prev`",
            _ if RESERVED.contains(&word) => return Err(self.expected("a signal, a number or `(`", token)),
            _ => return Err(self.unknown(word, token)),
        };
        Err(StlError::Future { at: self.place(token), operator: word.to_owned(), instead: future })
    }

    /// `[from:to]` with units, if one stands here.
    fn interval(&mut self) -> Result<Option<Interval>, StlError> {
        let open = self.peek();
        if !self.eat("[") {
            return Ok(None);
        }
        let (from_number, from_unit) = self.duration()?;
        if !self.eat(":") && !self.eat(",") {
            return Err(self.expected("`:`", self.peek()));
        }
        let (to_number, to_unit) = self.duration()?;
        let close = self.peek();
        self.expect("]")?;
        let written = self.text.get(open.start..close.end).unwrap_or("").to_owned();
        let refuse = |problem: &str| StlError::Interval {
            at: self.place(open),
            interval: written.clone(),
            problem: problem.to_owned(),
        };
        // As in RTAMT a bound without a unit takes the other's; there that works one way only.
        if from_unit.is_some() && to_unit.is_none() && to_number > 0.0 {
            return Err(refuse("the end has no unit, the beginning has one"));
        }
        let unit = to_unit.unwrap_or(S);
        let from = self.span(open, from_number, from_unit.unwrap_or(unit))?;
        let to = self.span(open, to_number, unit)?;
        match from.cmp(&to) {
            std::cmp::Ordering::Greater => Err(refuse("it is reversed: the smaller age stands first")),
            _ if to == Span::ZERO => Err(refuse("it is empty: it holds no time but the present")),
            _ => Ok(Some(Interval { from, to })),
        }
    }

    /// A number or a constant, and a unit if one follows: the unit's length in nanoseconds.
    fn duration(&mut self) -> Result<(f64, Option<f64>), StlError> {
        let token = self.advance();
        let number = match token.kind {
            Kind::Number(number) => number,
            Kind::Word(name) => match self.constants.get(name) {
                Some(number) => *number,
                None if name == "inf" => {
                    return Err(self.expected("a time with an end (without an interval the operator reaches back to the first sample)", token));
                }
                None => return Err(self.expected("a time or the name of a constant", token)),
            },
            Kind::Symbol("-") => return Err(self.expected("a time that is not negative", token)),
            _ => return Err(self.expected("a time such as 0.5, 200ms or 2 s", token)),
        };
        let unit = match self.peek().kind {
            Kind::Word("s") => Some(S),
            Kind::Word("ms") => Some(1e6),
            Kind::Word("us") => Some(1e3),
            Kind::Word("ns") => Some(1.0),
            Kind::Word(_) => return Err(self.expected(UNITS, self.peek())),
            _ => None,
        };
        if unit.is_some() {
            self.advance();
        }
        Ok((number, unit))
    }

    /// Whole nanoseconds.
    fn span(&self, token: Token<'a>, number: f64, unit_ns: f64) -> Result<Span, StlError> {
        let ns = number * unit_ns;
        // Beyond 2^53 ns (104 days) a number no longer tells nanoseconds apart.
        let fits = (0.0..=9.0e15).contains(&ns) && (ns - ns.round()).abs() <= 1e-3;
        if fits {
            return Ok(Span::from_nanos(ns.round() as i64));
        }
        Err(StlError::Interval {
            at: self.place(token),
            interval: format!("{number} × {unit_ns} ns"),
            problem: "a time is a whole number of nanoseconds from 0 to 104 days".to_owned(),
        })
    }

    fn push(&mut self, expression: Expression, start: usize) -> Result<NodeId, StlError> {
        let end = self.next.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(start, |t| t.end);
        if self.nodes.len() >= NODE_LIMIT {
            let at = Position::of(self.text, start);
            return Err(StlError::TooLarge { at, limit: NODE_LIMIT, what: "operators, names and numbers" });
        }
        self.nodes.push(Node { expression, start, end });
        // NODE_LIMIT fits.
        Ok(NodeId(self.nodes.len().saturating_sub(1) as u16))
    }

    fn peek(&self) -> Token<'a> {
        let end = Token { kind: Kind::End, start: self.text.len(), end: self.text.len() };
        self.tokens.get(self.next).copied().unwrap_or(end)
    }

    fn peek_second(&self) -> Token<'a> {
        self.tokens.get(self.next.saturating_add(1)).copied().unwrap_or_else(|| self.peek())
    }

    fn advance(&mut self) -> Token<'a> {
        let token = self.peek();
        if token.kind != Kind::End {
            self.next = self.next.saturating_add(1);
        }
        token
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let there = matches!(self.peek().kind, Kind::Symbol(s) if s == symbol);
        if there {
            self.advance();
        }
        there
    }

    fn expect(&mut self, symbol: &str) -> Result<(), StlError> {
        if self.eat(symbol) { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"), self.peek())) }
    }

    fn name(&mut self, expected: &str) -> Result<(&'a str, Token<'a>), StlError> {
        let token = self.advance();
        match token.kind {
            Kind::Word(word) => Ok((word, token)),
            _ => Err(self.expected(expected, token)),
        }
    }

    fn free_name(&self, name: &str, token: Token<'a>) -> Result<(), StlError> {
        let taken_by = if RESERVED.contains(&name) {
            "a word of the language"
        } else if self.signals.iter().any(|s| s == name) {
            "a signal"
        } else if self.constants.contains_key(name) {
            "a constant"
        } else if self.definitions.contains_key(name) {
            "a definition"
        } else {
            return Ok(());
        };
        Err(StlError::NameTaken { at: self.place(token), name: name.to_owned(), taken_by })
    }

    fn place(&self, token: Token<'a>) -> Position {
        Position::of(self.text, token.start)
    }

    fn expected(&self, expected: &str, token: Token<'a>) -> StlError {
        syntax(self.text, token.start, expected, token.describe())
    }

    fn unknown(&self, name: &str, token: Token<'a>) -> StlError {
        let constants = self.constants.keys().chain(self.definitions.keys()).copied();
        let known: Vec<&str> = self.signals.iter().map(String::as_str).chain(constants).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        StlError::UnknownName { at: self.place(token), name: name.to_owned(), known }
    }
}

const UNITS: &str = "a unit (`s`, `ms`, `us`, `ns`)";

/// Nanoseconds in a second: the unit where none is given.
const S: f64 = 1e9;

/// Level and operator; `None` for `since`.
fn infix(kind: Kind<'_>) -> Option<(u8, Option<Binary>)> {
    let (level, operator) = match kind {
        Kind::Word("xor") => (1, Binary::Xor),
        Kind::Word("iff") | Kind::Symbol("<->") => (2, Binary::Iff),
        Kind::Word("implies") | Kind::Symbol("->") => (3, Binary::Implies),
        Kind::Word("or") | Kind::Symbol("|" | "||") => (4, Binary::Or),
        Kind::Word("and") | Kind::Symbol("&" | "&&") => (5, Binary::And),
        Kind::Word("since" | "S") => return Some((SINCE, None)),
        Kind::Symbol("<") => (9, Binary::Less),
        Kind::Symbol("<=") => (9, Binary::LessOrEqual),
        Kind::Symbol(">") => (9, Binary::Greater),
        Kind::Symbol(">=") => (9, Binary::GreaterOrEqual),
        Kind::Symbol("==") => (9, Binary::Equal),
        Kind::Symbol("!==" | "!=") => (9, Binary::NotEqual),
        Kind::Symbol("+") => (10, Binary::Add),
        Kind::Symbol("-") => (10, Binary::Subtract),
        Kind::Symbol("*") => (11, Binary::Multiply),
        Kind::Symbol("/") => (11, Binary::Divide),
        _ => return None,
    };
    Some((level, Some(operator)))
}
