//! Expressions → values.

use super::numeric::as_truth;
use super::{Assign, Binary, Code, Compare, Expr, ExprId, JOINED_LIMIT, Script, Statement, Unary};
use crate::blackboard::{Blackboards, KeyRef};
use crate::error::{Fault, fault};
use crate::kind::Kind;
use crate::status::Status;
use crate::value::Value;
use std::sync::Arc;

/// Real numbers that are this close are equal.
const EPSILON: f64 = f32::EPSILON as f64;

fn truth(value: bool) -> Value {
    Value::Real(if value { 1.0 } else { 0.0 })
}

impl Script {
    /// Runs every statement.
    ///
    /// # Errors
    /// With the script, when an entry is missing or values do not fit.
    #[inline]
    pub fn run(&mut self, boards: &mut Blackboards) -> Result<(), Fault> {
        for statement in &mut self.statements {
            if statement.numeric.as_mut().and_then(|numeric| numeric.run(boards)).is_none() {
                self.code.evaluate(statement.root, boards)?;
            }
        }
        Ok(())
    }

    /// Runs it as a condition: success when its last statement is true, failure when it is not.
    ///
    /// # Errors
    /// As [`Self::run`], and when the result is no truth value.
    pub fn decide(&mut self, boards: &mut Blackboards) -> Result<Status, Fault> {
        if let [Statement { numeric: Some(numeric), .. }] = self.statements.as_mut_slice()
            && numeric.is_pure()
            && let Some(holds) = numeric.run(boards).and_then(as_truth)
        {
            return Ok(if holds { Status::Success } else { Status::Failure });
        }
        self.condition(boards)
    }

    /// As a condition, by the evaluator.
    #[inline(never)]
    fn condition(&self, boards: &mut Blackboards) -> Result<Status, Fault> {
        let mut last = Value::Empty;
        for statement in &self.statements {
            last = self.code.evaluate(statement.root, boards)?;
        }
        match last.as_bool() {
            Ok(true) => Ok(Status::Success),
            Ok(false) => Ok(Status::Failure),
            Err(error) => Err(self.code.explain(&error)),
        }
    }
}

impl Code {
    /// A statement's value.
    #[inline(never)]
    fn evaluate(&self, statement: ExprId, boards: &mut Blackboards) -> Result<Value, Fault> {
        self.eval(statement, boards).map_err(|error| self.explain(&error))
    }

    #[cold]
    fn explain(&self, error: &Fault) -> Fault {
        fault(format!("script `{}`: {error}", self.text))
    }

    fn eval(&self, id: ExprId, boards: &mut Blackboards) -> Result<Value, Fault> {
        // Ids are those that the parser gave out.
        match &self.exprs[id as usize] {
            Expr::Literal(value) => Ok(value.clone()),
            Expr::Name(name) => self.read(*name, boards),
            Expr::Unary(op, operand) => unary(*op, &self.eval(*operand, boards)?),
            Expr::Binary(op, left, right) => {
                let left = self.eval(*left, boards)?;
                let right = self.eval(*right, boards)?;
                binary(*op, &left, &right)
            }
            Expr::Chain(first, links) => self.chain(*first, links, boards),
            Expr::If(condition, then, otherwise) => {
                // Text counts by the number that it begins with.
                let holds = self.eval(*condition, boards)?.as_f64()? != 0.0;
                self.eval(if holds { *then } else { *otherwise }, boards)
            }
            Expr::Assign(op, target, value) => self.assign(*op, *target, *value, boards),
        }
    }

    #[inline]
    fn read(&self, name: u32, boards: &mut Blackboards) -> Result<Value, Fault> {
        let (key, number) = self.names[name as usize];
        if let Some(number) = number {
            return Ok(Value::Real(number));
        }
        match boards.get(key) {
            Some(entry) => Ok(entry.value.clone()),
            None => Err(missing(boards, key)),
        }
    }

    fn chain(
        &self,
        first: ExprId,
        links: &[(Compare, ExprId)],
        boards: &mut Blackboards,
    ) -> Result<Value, Fault> {
        let mut left = self.eval(first, boards)?;
        for (op, operand) in links {
            let right = self.eval(*operand, boards)?;
            if !self.compare(*op, &left, &right)? {
                return Ok(truth(false));
            }
            left = right;
        }
        Ok(truth(true))
    }

    fn compare(&self, op: Compare, left: &Value, right: &Value) -> Result<bool, Fault> {
        if left.is_empty() || right.is_empty() {
            return Err(fault("an operand of a comparison is not set yet"));
        }
        if let (Value::Text(a), Value::Text(b)) = (left, right) {
            return Ok(match op {
                Compare::Equal => a == b,
                Compare::NotEqual => a != b,
                Compare::Less => a < b,
                Compare::Greater => a > b,
                Compare::LessEqual => a <= b,
                Compare::GreaterEqual => a >= b,
            });
        }
        Ok(ordered(op, self.number(left)?, self.number(right)?))
    }

    /// A number, also from text: `true`, `false`, an enumeration, or the number that it begins with.
    fn number(&self, value: &Value) -> Result<f64, Fault> {
        match value {
            Value::Text(text) => self.number_of(text),
            other if other.is_number() => other.as_f64(),
            other => Err(fault(format!("a value of type {} can not be compared", other.kind().name()))),
        }
    }

    fn number_of(&self, text: &Arc<str>) -> Result<f64, Fault> {
        #[expect(clippy::cast_precision_loss, reason = "enumerations are small numbers")]
        match &**text {
            "true" => Ok(1.0),
            "false" => Ok(0.0),
            name => match self.enums.as_ref().and_then(|enums| enums.get(name)) {
                Some(value) => Ok(*value as f64),
                None => Value::Text(Arc::clone(text)).as_f64(),
            },
        }
    }

    fn assign(
        &self,
        op: Assign,
        target: ExprId,
        value: ExprId,
        boards: &mut Blackboards,
    ) -> Result<Value, Fault> {
        let Expr::Name(name) = &self.exprs[target as usize] else {
            return Err(fault("what is left of an assignment is no blackboard entry"));
        };
        let (key, _) = self.names[*name as usize];
        if boards.get(key).is_none() {
            if op != Assign::Create {
                let name = boards.name(key);
                return Err(fault(format!("there is no entry `{name}` yet: make it with :=")));
            }
            let (board, name) = (boards.board_of(key), Arc::clone(boards.name(key)));
            boards.create(board, &name, Kind::Untyped)?;
        }
        let value = self.eval(value, boards)?;
        if value.is_empty() {
            return Err(fault("what is right of an assignment is not set yet"));
        }
        let Some(entry) = boards.get_mut(key) else { return Err(missing(boards, key)) };
        match op {
            Assign::Create | Assign::Existing => {
                if entry.value.is_empty() && entry.kind == Kind::Untyped {
                    entry.value = value;
                } else if let (Value::Text(text), false) = (&value, entry.value.is_text()) {
                    entry.value = if entry.kind.has_converter() {
                        entry.kind.parse(text)?
                    } else if entry.value.is_number() {
                        Value::Real(self.number_of(text)?)
                    } else {
                        return Err(fault("text can not be assigned to an entry of this type"));
                    };
                } else {
                    value.copy_into(&mut entry.value)?;
                }
            }
            other => changed(other, &entry.value, &value)?.copy_into(&mut entry.value)?,
        }
        entry.sequence += 1;
        Ok(entry.value.clone())
    }
}

#[cold]
fn missing(boards: &Blackboards, key: KeyRef) -> Fault {
    fault(format!("there is no entry `{}`", boards.name(key)))
}

/// Compares numbers. Written as what makes it fail, so that a number that is none compares as in BehaviorTree.CPP.
#[inline(always)]
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "a number that is none makes nothing fail")]
pub(super) fn ordered(op: Compare, a: f64, b: f64) -> bool {
    match op {
        Compare::Equal => (a - b).abs() <= EPSILON,
        Compare::NotEqual => !((a - b).abs() <= EPSILON),
        Compare::Less => !(a >= b),
        Compare::Greater => !(a <= b),
        Compare::LessEqual => !(a > b),
        Compare::GreaterEqual => !(a < b),
    }
}

/// Reckons; what is none of the four is a division.
#[inline]
pub(super) fn arithmetic(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Plus => a + b,
        Binary::Minus => a - b,
        Binary::Times => a * b,
        _ => a / b,
    }
}

/// Results are doubles, as in BehaviorTree.CPP; what is neither of the first two is an exclusive or.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "as in BehaviorTree.CPP")]
pub(super) fn bits(op: Binary, a: i64, b: i64) -> f64 {
    (match op {
        Binary::BitAnd => a & b,
        Binary::BitOr => a | b,
        _ => a ^ b,
    }) as f64
}

/// What `+=` and the like make of an entry's value.
fn changed(op: Assign, old: &Value, by: &Value) -> Result<Value, Fault> {
    if old.is_empty() {
        return Err(fault("what is left of an assignment is not set yet"));
    }
    if by.is_number() {
        if !old.is_number() {
            return Err(fault("this assignment is for numbers"));
        }
        let (a, b) = (old.as_f64()?, by.as_f64()?);
        return Ok(Value::Real(match op {
            Assign::Plus => a + b,
            Assign::Minus => a - b,
            Assign::Times => a * b,
            _ => a / b,
        }));
    }
    match (op, by) {
        (Assign::Plus, Value::Text(b)) => Ok(Value::Text(joined(&old.as_text()?, b)?)),
        (_, Value::Text(_)) => Err(fault("this assignment is not for text")),
        _ => Ok(old.clone()),
    }
}

fn joined(a: &str, b: &str) -> Result<Arc<str>, Fault> {
    let length = a.len().saturating_add(b.len());
    if length > JOINED_LIMIT {
        return Err(fault(format!("the joined text has {length} bytes; the limit is {JOINED_LIMIT}")));
    }
    Ok(Arc::from([a, b].concat().as_str()))
}

fn unary(op: Unary, value: &Value) -> Result<Value, Fault> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if !value.is_number() {
        return Err(fault("this operator is for numbers"));
    }
    let number = value.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "the operator works on the integer part, as in BehaviorTree.CPP"
    )]
    Ok(match op {
        Unary::Negate => Value::Real(-number),
        Unary::Not => truth(number == 0.0),
        Unary::Complement if number.abs() > LIMIT => {
            return Err(fault("the number is out of range for a bitwise operation"));
        }
        Unary::Complement => Value::Real(!(number as i64) as f64),
    })
}

fn binary(op: Binary, left: &Value, right: &Value) -> Result<Value, Fault> {
    if left.is_empty() || right.is_empty() {
        return Err(fault("an operand is not set yet"));
    }
    if !(left.is_number() && right.is_number()) {
        let joins = match op {
            Binary::Plus => left.is_text() && right.is_text(),
            Binary::Concat => {
                (left.is_text() && (right.is_text() || right.is_number()))
                    || (left.is_number() && right.is_text())
            }
            _ => false,
        };
        if !joins {
            return Err(fault("this operation is not permitted on these values"));
        }
        return Ok(Value::Text(joined(&left.as_text()?, &right.as_text()?)?));
    }
    let (a, b) = (left.as_f64()?, right.as_f64()?);
    Ok(match op {
        Binary::Plus | Binary::Minus | Binary::Times | Binary::Divide => Value::Real(arithmetic(op, a, b)),
        Binary::And => {
            let (a, b) = (left.as_bool()?, right.as_bool()?);
            truth(a && b)
        }
        Binary::Or => {
            let (a, b) = (left.as_bool()?, right.as_bool()?);
            truth(a || b)
        }
        // Two numbers that are joined give nothing at all.
        Binary::Concat => Value::Empty,
        Binary::BitAnd | Binary::BitOr | Binary::BitXor => {
            Value::Real(bits(op, left.as_i64()?, right.as_i64()?))
        }
    })
}
