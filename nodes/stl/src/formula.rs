//! A formula as a tree whose nodes lie one after the other, operands before operators.

use outrider_foundation::Span;

/// A node of a formula, by its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u16);

impl NodeId {
    pub(crate) fn place(self) -> usize {
        usize::from(self.0)
    }
}

/// Functions of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    /// `-x` and `not x`: the robustness of a negation is the negated robustness.
    Negate,
    Abs,
    Sqrt,
    Exp,
}

/// Functions of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Implies,
    Iff,
    Xor,
}

impl Binary {
    /// The comparison with its sides exchanged.
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            other => other,
        }
    }

    pub const fn is_logical(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Implies | Self::Iff | Self::Xor)
    }

    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Less
                | Self::LessOrEqual
                | Self::Greater
                | Self::GreaterOrEqual
                | Self::Equal
                | Self::NotEqual
        )
    }
}

/// Functions of this sample and the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Before the first sample it was true.
    Previous,
    /// Before the first sample it was false.
    StrongPrevious,
    Rise,
    Fall,
}

impl Step {
    pub const fn is_edge(self) -> bool {
        matches!(self, Self::Rise | Self::Fall)
    }
}

/// Which end of the values in a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extremum {
    /// `historically`.
    Least,
    /// `once`.
    Greatest,
}

/// How long ago: `from ≤ age ≤ to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub from: Span,
    pub to: Span,
}

/// An operator with its operands; without an interval it reaches back to the first sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expression {
    /// By its place among the signals.
    Signal(usize),
    Constant(f64),
    Unary(Unary, NodeId),
    Binary(Binary, NodeId, NodeId),
    Step(Step, NodeId),
    Over(Extremum, Option<Interval>, NodeId),
    Since(Option<Interval>, NodeId, NodeId),
}

impl Expression {
    pub fn operands(&self) -> [Option<NodeId>; 2] {
        match *self {
            Self::Signal(_) | Self::Constant(_) => [None, None],
            Self::Unary(_, a) | Self::Step(_, a) | Self::Over(_, _, a) => [Some(a), None],
            Self::Binary(_, a, b) | Self::Since(_, a, b) => [Some(a), Some(b)],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Node {
    pub expression: Expression,
    /// Where it is written, in bytes.
    pub start: usize,
    pub end: usize,
}

/// How much past a value rests on, at the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Time.
    pub time: Span,
    /// Samples before the present one: `prev`, `rise` and `fall` need one each.
    pub samples: usize,
}

/// A formula over named signals.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    pub(crate) text: String,
    /// Operands stand before their operators.
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: NodeId,
    pub(crate) signals: Vec<String>,
}

impl Formula {
    /// Names of the signals, in the order in which a monitor takes their values.
    pub fn signals(&self) -> &[String] {
        &self.signals
    }

    /// Whether its value rests on any signal.
    pub fn reads_signals(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.expression, Expression::Signal(_)))
    }

    /// Whether its value rests on this signal.
    pub fn reads(&self, signal: &str) -> bool {
        let Some(at) = self.signals.iter().position(|name| name == signal) else { return false };
        self.nodes.iter().any(|node| node.expression == Expression::Signal(at))
    }

    /// What is written for a node.
    pub fn text_of(&self, node: NodeId) -> &str {
        self.node(node).and_then(|n| self.text.get(n.start..n.end)).unwrap_or("")
    }

    /// The constant that a comparison holds something against, as a measure of what is much; `None` without one, or when it
    /// is zero.
    pub fn scale_of(&self, node: NodeId) -> Option<f64> {
        let Expression::Binary(operator, a, b) = self.node(node)?.expression else { return None };
        let constant = |id: NodeId| match self.node(id)?.expression {
            Expression::Constant(value) => Some(value.abs()),
            _ => None,
        };
        let limit = constant(a).or(constant(b)).filter(|limit| *limit > 0.0);
        limit.filter(|_| operator.is_comparison())
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole formula.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// How much past a verdict rests on.
    pub fn horizon(&self) -> Horizon {
        self.horizons().get(self.root.place()).copied().unwrap_or_default()
    }

    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.place())
    }

    /// Of every node. Operands stand before operators, so one pass is enough, however often a definition is used.
    pub(crate) fn horizons(&self) -> Vec<Horizon> {
        let mut horizons: Vec<Horizon> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let of = |id: NodeId| horizons.get(id.place()).copied().unwrap_or_default();
            let mut horizon = Horizon::default();
            for operand in node.expression.operands().into_iter().flatten().map(of) {
                horizon.time = horizon.time.max(operand.time);
                horizon.samples = horizon.samples.max(operand.samples);
            }
            match node.expression {
                Expression::Over(_, Some(interval), _) | Expression::Since(Some(interval), ..) => {
                    horizon.time = horizon.time + interval.to;
                }
                Expression::Step(..) => horizon.samples = horizon.samples.saturating_add(1),
                _ => {}
            }
            horizons.push(horizon);
        }
        horizons
    }

    /// Whether a node is part of the formula: definitions may be unused.
    pub(crate) fn reachable(&self) -> Vec<bool> {
        let mut reached = vec![false; self.nodes.len()];
        if let Some(root) = reached.get_mut(self.root.place()) {
            *root = true;
        }
        for (i, node) in self.nodes.iter().enumerate().rev() {
            if reached.get(i).copied().unwrap_or(false) {
                for operand in node.expression.operands().into_iter().flatten() {
                    if let Some(mark) = reached.get_mut(operand.place()) {
                        *mark = true;
                    }
                }
            }
        }
        reached
    }
}
