//! The script language: expressions and assignments over blackboard entries, with BehaviorTree.CPP 4.10's precedence.

mod eval;
mod lexer;
mod numeric;
mod parser;

use crate::blackboard::{Blackboards, BoardId, KeyRef};
use crate::error::BtError;
use crate::value::Value;
use numeric::Numeric;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest script, bytes.
pub const SCRIPT_LIMIT: usize = 64 * 1024;

/// Longest text that a script may join, bytes: one that joins an entry with itself in every tick would take all memory.
pub const JOINED_LIMIT: usize = 64 * 1024;

/// Deepest nesting of an expression.
pub const EXPRESSION_DEPTH_LIMIT: usize = 128;

/// Most operations in a row, as in a long sum, each of which works on the result of the one before.
pub const EXPRESSION_HEIGHT_LIMIT: usize = 1000;

/// Names that scripts know as numbers.
pub type Enums = BTreeMap<String, i64>;

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Negate,
    Complement,
    Not,
}

/// Operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Plus,
    Minus,
    Times,
    Divide,
    Concat,
    BitAnd,
    BitOr,
    BitXor,
    And,
    Or,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
}

/// Assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assign {
    Create,
    Existing,
    Plus,
    Minus,
    Times,
    Divide,
}

/// Which expression of a script.
pub(crate) type ExprId = u32;

/// An expression; its parts are expressions of the same script.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Literal(Value),
    /// Index among the script's names.
    Name(u32),
    Unary(Unary, ExprId),
    Binary(Binary, ExprId, ExprId),
    /// The first operand, and comparisons with further ones, from left to right.
    Chain(ExprId, Vec<(Compare, ExprId)>),
    If(ExprId, ExprId, ExprId),
    Assign(Assign, ExprId, ExprId),
}

/// A script as it was read: not yet of any tree.
#[derive(Clone, Debug)]
pub struct Source {
    text: Arc<str>,
    exprs: Vec<Expr>,
    statements: Vec<ExprId>,
    names: Vec<String>,
}

impl Source {
    /// Reads a script.
    ///
    /// # Errors
    /// With the script, the place and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, BtError> {
        parser::parse(text)
    }

    /// The names that it reads or writes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The script with its names bound to a blackboard.
    pub(crate) fn bind(self, boards: &mut Blackboards, board: BoardId, enums: &Enums) -> Script {
        #[expect(clippy::cast_precision_loss, reason = "enumerations are small numbers")]
        let value = |name: &String| enums.get(name).map(|value| *value as f64);
        let names: Vec<_> = self.names.iter().map(|name| (boards.key(board, name), value(name))).collect();
        let statement = |root| Statement { root, numeric: Numeric::compile(&self.exprs, root, &names) };
        let statements = self.statements.into_iter().map(statement).collect();
        let enums = if enums.is_empty() { None } else { Some(Arc::new(enums.clone())) };
        Script { statements, code: Code { text: self.text, exprs: self.exprs, names, enums } }
    }
}

/// One of a script's statements.
#[derive(Clone, Debug)]
struct Statement {
    root: ExprId,
    /// The same as straight-line code, for as long as it meets numbers only.
    numeric: Option<Numeric>,
}

/// What the statements of a script are made of.
#[derive(Clone, Debug)]
struct Code {
    text: Arc<str>,
    exprs: Vec<Expr>,
    /// Handles of the names, and the numbers of those that are enumerations.
    names: Vec<(KeyRef, Option<f64>)>,
    enums: Option<Arc<Enums>>,
}

/// A script that can be run.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    statements: Vec<Statement>,
    code: Code,
}

impl Script {
    /// What was written.
    pub fn text(&self) -> &Arc<str> {
        &self.code.text
    }
}
