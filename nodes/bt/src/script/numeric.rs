//! Statements over numbers, as straight-line code that takes nothing from the heap and looks nothing up.
//!
//! A statement without text whose one assignment, if any, is its outermost operation becomes steps over real numbers. It
//! changes nothing before it has its result, and gives up where it meets what is no plain number: an entry that is not there or
//! holds text, an integer that a double does not hold, a truth value that is neither 0 nor 1. The evaluator in `eval` then
//! takes the statement from its start, so that the rules, and the errors, are written there only.

use super::eval::{arithmetic, bits, ordered};
use super::{Assign, Binary, Compare, Expr, ExprId, Unary};
use crate::blackboard::{Blackboards, EntryId, KeyRef};
use crate::value::{EXACT, Value, whole};

/// Most numbers of one statement: constants, entries and results. A power of two, so that a mask keeps an index inside.
const CELL_LIMIT: usize = 32;

/// A cell's place.
#[inline]
const fn at(cell: u8) -> usize {
    cell as usize % CELL_LIMIT
}

/// What a step does: operators with two operands, comparisons, and those with one, side by side so that one jump finds it.
#[derive(Clone, Copy, Debug)]
enum Do {
    Plus,
    Minus,
    Times,
    Divide,
    And,
    Or,
    /// Of results that are 0 or 1 in any case.
    Both,
    /// Of results that are 0 or 1 in any case.
    Either,
    BitAnd,
    BitOr,
    BitXor,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    Negate,
    Not,
    /// `to` is `a`, or `b` when `to` held zero.
    Select,
}

impl Do {
    /// Compares two numbers.
    const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Less | Self::Greater | Self::LessEqual | Self::GreaterEqual
        )
    }

    /// Gives 0 or 1 and nothing else.
    const fn is_truth(self) -> bool {
        matches!(
            self,
            Self::And
                | Self::Or
                | Self::Both
                | Self::Either
                | Self::Equal
                | Self::NotEqual
                | Self::Less
                | Self::Greater
                | Self::LessEqual
                | Self::GreaterEqual
                | Self::Not
        )
    }
}

/// One operation: cells `a` and `b` into cell `to`.
#[derive(Clone, Copy, Debug)]
struct Step {
    what: Do,
    a: u8,
    b: u8,
    to: u8,
}

/// An entry that is read.
#[derive(Clone, Copy, Debug)]
struct Load {
    key: KeyRef,
    /// As of [`Numeric::generation`].
    entry: EntryId,
}

/// Where a number of a short statement is.
#[derive(Clone, Copy, Debug)]
enum Operand {
    Constant(f64),
    /// As of [`Numeric::generation`].
    Entry(EntryId),
}

impl Operand {
    #[inline(always)]
    fn get(self, boards: &Blackboards) -> Option<f64> {
        match self {
            Self::Constant(number) => Some(number),
            Self::Entry(entry) => plain(boards.entry_value(entry)),
        }
    }
}

/// What most statements are: they need no cells.
#[derive(Clone, Copy, Debug)]
enum Short {
    /// More than the others.
    None,
    /// A number, as in `y += 1`.
    Value(Operand),
    /// One operation, as in `x > 3`.
    One(Do, Operand, Operand),
    /// Two comparisons, of which one or both have to hold, as in `x > 3 || y < 0`.
    Two { both: bool, left: (Do, Operand, Operand), right: (Do, Operand, Operand) },
}

/// A statement over numbers.
#[derive(Clone, Debug)]
pub(super) struct Numeric {
    short: Short,
    /// The entries first, then constants and results. Apart, so that short statements, which need none, lie close together.
    cells: Box<[f64; CELL_LIMIT]>,
    loads: Box<[Load]>,
    steps: Box<[Step]>,
    result: u8,
    target: Option<(Assign, Load)>,
    /// For which entries of the blackboards the loads hold; 0 for none.
    generation: u64,
}

impl Numeric {
    /// The code of a statement, if it is one that has any.
    pub fn compile(exprs: &[Expr], statement: ExprId, names: &[(KeyRef, Option<f64>)]) -> Option<Self> {
        let mut compiler = Compiler { exprs, names, loads: Vec::new(), cells: Vec::new(), steps: Vec::new() };
        let (root, target) = match exprs.get(statement as usize)? {
            Expr::Assign(op, target, value) => match exprs.get(*target as usize)? {
                Expr::Name(name) => (*value, Some((*op, compiler.key(*name)?))),
                _ => return None,
            },
            _ => (statement, None),
        };
        compiler.find_loads(root)?;
        compiler.cells = vec![0.0; compiler.loads.len()];
        let result = compiler.expr(root)?;
        let load = |key| Load { key, entry: 0 };
        let mut cells = Box::new([0.0; CELL_LIMIT]);
        for (cell, number) in cells.iter_mut().zip(&compiler.cells) {
            *cell = *number;
        }
        Some(Self {
            short: Short::None,
            cells,
            loads: compiler.loads.into_iter().map(load).collect(),
            steps: compiler.steps.into(),
            result,
            target: target.map(|(op, key)| (op, load(key))),
            generation: 0,
        })
    }

    /// It writes nothing.
    pub const fn is_pure(&self) -> bool {
        self.target.is_none()
    }

    /// The statement's value; `None`, and nothing has happened, when it is not one of plain numbers this time.
    #[inline(always)]
    pub fn run(&mut self, boards: &mut Blackboards) -> Option<f64> {
        if self.generation != boards.generation() {
            self.find_entries(boards)?;
        }
        let result = match self.short {
            Short::Value(number) => number.get(boards)?,
            Short::One(what, a, b) => reckon(what, a.get(boards)?, b.get(boards)?)?,
            Short::Two { both, left: (left, a, b), right: (right, c, d) } => {
                let (a, b, c, d) = (a.get(boards)?, b.get(boards)?, c.get(boards)?, d.get(boards)?);
                let (left, right) = (holds(left, a, b), holds(right, c, d));
                truth(if both { left & right } else { left | right })
            }
            Short::None => self.run_long(boards)?,
        };
        match self.target {
            None => Some(result),
            Some((op, load)) => write(op, result, load.entry, boards),
        }
    }

    /// Step by step.
    #[inline(never)]
    fn run_long(&mut self, boards: &Blackboards) -> Option<f64> {
        let cells = &mut *self.cells;
        for (place, load) in self.loads.iter().enumerate() {
            cells[place % CELL_LIMIT] = plain(boards.entry_value(load.entry))?;
        }
        if !self.steps.is_empty() {
            run(&self.steps, cells)?;
        }
        Some(cells[at(self.result)])
    }

    /// Looks the entries up again after one has come or gone.
    #[cold]
    fn find_entries(&mut self, boards: &mut Blackboards) -> Option<()> {
        let target = self.target.as_mut().map(|(_, load)| load);
        for load in self.loads.iter_mut().chain(target) {
            load.entry = boards.entry_of(load.key)?;
        }
        self.generation = boards.generation();
        self.short = self.shorten();
        Some(())
    }

    /// The statement without cells, if it is short enough.
    fn shorten(&self) -> Short {
        let operand = |cell: u8| match self.loads.get(usize::from(cell)) {
            Some(load) => Operand::Entry(load.entry),
            None => Operand::Constant(self.cells[at(cell)]),
        };
        let parts = |step: &Step| (step.what, operand(step.a), operand(step.b));
        match &*self.steps {
            [] => Short::Value(operand(self.result)),
            [one] if one.to == self.result => {
                let (what, a, b) = parts(one);
                Short::One(what, a, b)
            }
            [left, right, join]
                if left.what.is_comparison()
                    && right.what.is_comparison()
                    && matches!(join.what, Do::Both | Do::Either)
                    && (join.a, join.b, join.to) == (left.to, right.to, self.result)
                    && ![right.a, right.b].contains(&left.to) =>
            {
                let both = matches!(join.what, Do::Both);
                Short::Two { both, left: parts(left), right: parts(right) }
            }
            _ => Short::None,
        }
    }
}

#[inline]
fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// A comparison holds.
#[inline(always)]
fn holds(what: Do, a: f64, b: f64) -> bool {
    ordered(
        match what {
            Do::NotEqual => Compare::NotEqual,
            Do::Less => Compare::Less,
            Do::Greater => Compare::Greater,
            Do::LessEqual => Compare::LessEqual,
            Do::GreaterEqual => Compare::GreaterEqual,
            _ => Compare::Equal,
        },
        a,
        b,
    )
}

/// Does one step after the other.
#[inline(never)]
fn run(steps: &[Step], cells: &mut [f64; CELL_LIMIT]) -> Option<()> {
    for step in steps {
        let (a, b) = (cells[at(step.a)], cells[at(step.b)]);
        let to = &mut cells[at(step.to)];
        *to = match step.what {
            Do::Select => {
                if *to != 0.0 {
                    a
                } else {
                    b
                }
            }
            what => reckon(what, a, b)?,
        };
    }
    Some(())
}

/// A number that a double holds.
#[inline]
fn plain(value: &Value) -> Option<f64> {
    match value {
        Value::Real(number) => Some(*number),
        Value::Int(number, _) => exact(*number),
        _ => None,
    }
}

#[inline]
#[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "within what a double holds exactly")]
fn exact(number: i64) -> Option<f64> {
    let shifted = number.wrapping_add_unsigned(EXACT) as u64;
    (shifted <= 2 * EXACT).then_some(number as f64)
}

/// As a truth value, where the type that is lost here does not matter: of 0 and 1.
#[inline]
pub(super) fn as_truth(number: f64) -> Option<bool> {
    match number {
        1.0 => Some(true),
        0.0 => Some(false),
        _ => None,
    }
}

/// The result of an operation on two numbers; those with one operand take the first.
#[inline(always)]
fn reckon(what: Do, a: f64, b: f64) -> Option<f64> {
    let number = truth;
    Some(match what {
        Do::Plus => arithmetic(Binary::Plus, a, b),
        Do::Minus => arithmetic(Binary::Minus, a, b),
        Do::Times => arithmetic(Binary::Times, a, b),
        Do::Divide => arithmetic(Binary::Divide, a, b),
        Do::And => {
            let (a, b) = (as_truth(a)?, as_truth(b)?);
            number(a && b)
        }
        Do::Or => {
            let (a, b) = (as_truth(a)?, as_truth(b)?);
            number(a || b)
        }
        Do::Both => a * b,
        Do::Either => number(a + b > 0.5),
        Do::BitAnd => bits(Binary::BitAnd, whole(a)?, whole(b)?),
        Do::BitOr => bits(Binary::BitOr, whole(a)?, whole(b)?),
        Do::BitXor => bits(Binary::BitXor, whole(a)?, whole(b)?),
        Do::Equal => number(holds(Do::Equal, a, b)),
        Do::NotEqual => number(holds(Do::NotEqual, a, b)),
        Do::Less => number(holds(Do::Less, a, b)),
        Do::Greater => number(holds(Do::Greater, a, b)),
        Do::LessEqual => number(holds(Do::LessEqual, a, b)),
        Do::GreaterEqual => number(holds(Do::GreaterEqual, a, b)),
        Do::Negate => -a,
        Do::Not => number(a == 0.0),
        Do::Select => return None,
    })
}

fn of_two(op: Binary) -> Option<Do> {
    Some(match op {
        Binary::Plus => Do::Plus,
        Binary::Minus => Do::Minus,
        Binary::Times => Do::Times,
        Binary::Divide => Do::Divide,
        Binary::And => Do::And,
        Binary::Or => Do::Or,
        Binary::BitAnd => Do::BitAnd,
        Binary::BitOr => Do::BitOr,
        Binary::BitXor => Do::BitXor,
        Binary::Concat => return None,
    })
}

fn comparison(op: Compare) -> Do {
    match op {
        Compare::Equal => Do::Equal,
        Compare::NotEqual => Do::NotEqual,
        Compare::Less => Do::Less,
        Compare::Greater => Do::Greater,
        Compare::LessEqual => Do::LessEqual,
        Compare::GreaterEqual => Do::GreaterEqual,
    }
}

/// Writes an entry that holds a number already, and keeps its type; gives the number.
#[inline]
fn write(op: Assign, by: f64, entry: EntryId, boards: &mut Blackboards) -> Option<f64> {
    let entry = boards.entry_mut(entry);
    let old = plain(&entry.value)?;
    let new = match op {
        Assign::Create | Assign::Existing => by,
        Assign::Plus => old + by,
        Assign::Minus => old - by,
        Assign::Times => old * by,
        Assign::Divide => old / by,
    };
    match &mut entry.value {
        Value::Real(number) => *number = new,
        Value::Int(number, _) => *number = whole(new)?,
        _ => return None,
    }
    entry.sequence += 1;
    Some(new)
}

struct Compiler<'a> {
    exprs: &'a [Expr],
    names: &'a [(KeyRef, Option<f64>)],
    loads: Vec<KeyRef>,
    cells: Vec<f64>,
    steps: Vec<Step>,
}

impl Compiler<'_> {
    fn key(&self, name: u32) -> Option<KeyRef> {
        self.names.get(name as usize).map(|(key, _)| *key)
    }

    /// Notes the entries below an expression. They are read before the first step, which is allowed because nothing is written
    /// before the last one.
    fn find_loads(&mut self, id: ExprId) -> Option<()> {
        match self.exprs.get(id as usize)? {
            Expr::Name(name) => {
                let (key, number) = *self.names.get(*name as usize)?;
                if number.is_none() && !self.loads.contains(&key) {
                    self.loads.push(key);
                }
                if self.loads.len() > CELL_LIMIT {
                    return None;
                }
            }
            Expr::Literal(_) => {}
            Expr::Unary(_, operand) => self.find_loads(*operand)?,
            Expr::Binary(_, left, right) => {
                self.find_loads(*left)?;
                self.find_loads(*right)?;
            }
            Expr::Chain(first, links) => {
                self.find_loads(*first)?;
                for (_, operand) in links {
                    self.find_loads(*operand)?;
                }
            }
            Expr::If(condition, then, otherwise) => {
                self.find_loads(*condition)?;
                self.find_loads(*then)?;
                self.find_loads(*otherwise)?;
            }
            Expr::Assign(..) => return None,
        }
        Some(())
    }

    fn cell(&mut self, number: f64) -> Option<u8> {
        let index = self.cells.len();
        self.cells.push(number);
        if index < CELL_LIMIT { u8::try_from(index).ok() } else { None }
    }

    /// The number of a cell that no step writes and no entry fills.
    fn constant(&self, cell: u8) -> Option<f64> {
        let is_result = self.steps.iter().any(|step| step.to == cell);
        let is_fixed = !is_result && usize::from(cell) >= self.loads.len();
        if is_fixed { self.cells.get(usize::from(cell)).copied() } else { None }
    }

    /// The cell's number is 0 or 1 in any case.
    fn is_truth(&self, cell: u8) -> bool {
        let results = self.steps.iter().filter(|step| step.to == cell);
        results.map(|step| step.what).any(Do::is_truth)
    }

    /// Compiles an expression; gives its cell.
    fn expr(&mut self, id: ExprId) -> Option<u8> {
        match self.exprs.get(id as usize)? {
            Expr::Literal(value) => self.cell(plain(value)?),
            Expr::Name(name) => {
                let (key, number) = *self.names.get(*name as usize)?;
                match number {
                    Some(number) => self.cell(number),
                    None => {
                        let at = self.loads.iter().position(|known| *known == key)?;
                        u8::try_from(at).ok()
                    }
                }
            }
            Expr::Unary(op, operand) => {
                let a = self.expr(*operand)?;
                match op {
                    Unary::Negate => self.step(Do::Negate, a, a),
                    Unary::Not => self.step(Do::Not, a, a),
                    Unary::Complement => None,
                }
            }
            Expr::Binary(op, left, right) => {
                let (a, b) = (self.expr(*left)?, self.expr(*right)?);
                let sure = self.is_truth(a) && self.is_truth(b);
                let what = match of_two(*op)? {
                    Do::And if sure => Do::Both,
                    Do::Or if sure => Do::Either,
                    what => what,
                };
                self.step(what, a, b)
            }
            Expr::Chain(first, links) => {
                let mut a = self.expr(*first)?;
                let mut all = None;
                for (op, operand) in links {
                    let b = self.expr(*operand)?;
                    let holds = self.step(comparison(*op), a, b)?;
                    all = Some(match all {
                        None => holds,
                        Some(before) => self.step(Do::Both, before, holds)?,
                    });
                    a = b;
                }
                all
            }
            Expr::If(condition, then, otherwise) => {
                let condition = self.expr(*condition)?;
                let (then, otherwise) = (self.expr(*then)?, self.expr(*otherwise)?);
                if let Some(number) = self.constant(condition) {
                    return Some(if number != 0.0 { then } else { otherwise });
                }
                // The choice overwrites the condition, which must be a result of its own.
                let held = self.cell(0.0)?;
                let nothing = self.cell(0.0)?;
                self.steps.push(Step { what: Do::Plus, a: condition, b: nothing, to: held });
                self.steps.push(Step { what: Do::Select, a: then, b: otherwise, to: held });
                Some(held)
            }
            Expr::Assign(..) => None,
        }
    }

    /// Adds a step, or its result when its operands are constants.
    fn step(&mut self, what: Do, a: u8, b: u8) -> Option<u8> {
        if let Some((a, b)) = self.constant(a).zip(self.constant(b)) {
            let number = reckon(what, a, b)?;
            return self.cell(number);
        }
        let to = self.cell(0.0)?;
        self.steps.push(Step { what, a, b, to });
        Some(to)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
