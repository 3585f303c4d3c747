//! What is correct by RTAMT's semantics, and yet not fit for a specification that a robot's safety rests on: formulas that
//! something else than good behaviour can satisfy.

use crate::error::{Position, StlError};
use crate::formula::{Binary, Expression, Formula, Horizon, NodeId, Unary};

/// What a subformula is. RTAMT takes every number for a truth and every robustness for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Truth,
}

const DISTANCE: &str = "its robustness is the distance between its sides, as in RTAMT, which is not a distance to violation; \
                        write `(a -> b) and (b -> a)` or `(a and not b) or (b and not a)`";
const REMEMBERS: &str = "without an interval it remembers for ever what its operand was worth before that was warmed up; \
                         give it an interval";
const NOT_A_NUMBER: &str = "a number is needed where there is something true or false; `once`, `historically`, `prev` and \
                            `not` take a comparison on their right with them: use brackets";
const NOT_A_TRUTH: &str = "something true or false is needed where there is a number: compare it with one";

/// Refuses what is not fit, with the place and what to write instead.
pub(crate) fn refuse_unfit(formula: &Formula) -> Result<(), StlError> {
    let (reached, horizons) = (formula.reachable(), formula.horizons());
    let warms_up = |id: NodeId| horizons.get(id.place()).is_some_and(|h| *h != Horizon::default());
    let mut kinds: Vec<Kind> = Vec::with_capacity(formula.nodes.len());
    for (i, node) in formula.nodes.iter().enumerate() {
        let of = |id: NodeId| kinds.get(id.place()).copied().unwrap_or(Kind::Number);
        let kind = match node.expression {
            _ if !reached.get(i).copied().unwrap_or(false) => Ok(Kind::Number),
            expression => kind(expression, of, warms_up),
        };
        kinds.push(kind.map_err(|problem| unfit(formula, NodeId(i as u16), problem))?);
    }
    match kinds.get(formula.root.place()) {
        Some(Kind::Truth) => Ok(()),
        _ => Err(unfit(formula, formula.root, NOT_A_TRUTH)),
    }
}

fn unfit(formula: &Formula, id: NodeId, problem: &'static str) -> StlError {
    let at = Position::of(&formula.text, formula.node(id).map_or(0, |n| n.start));
    StlError::Unsafe { at, formula: formula.text_of(id).to_owned(), problem }
}

fn kind(
    expression: Expression,
    of: impl Fn(NodeId) -> Kind,
    warms_up: impl Fn(NodeId) -> bool,
) -> Result<Kind, &'static str> {
    let all = |wanted: Kind, ids: &[NodeId], otherwise| {
        if ids.iter().all(|id| of(*id) == wanted) { Ok(()) } else { Err(otherwise) }
    };
    Ok(match expression {
        Expression::Signal(_) | Expression::Constant(_) => Kind::Number,
        Expression::Unary(Unary::Negate, a) => of(a),
        Expression::Unary(_, a) => {
            all(Kind::Number, &[a], NOT_A_NUMBER)?;
            Kind::Number
        }
        Expression::Binary(Binary::Iff | Binary::Xor, ..) => return Err(DISTANCE),
        Expression::Binary(operator, a, b) if operator.is_logical() => {
            all(Kind::Truth, &[a, b], NOT_A_TRUTH)?;
            Kind::Truth
        }
        Expression::Binary(operator, a, b) => {
            all(Kind::Number, &[a, b], NOT_A_NUMBER)?;
            if operator.is_comparison() { Kind::Truth } else { Kind::Number }
        }
        Expression::Step(step, a) => {
            if step.is_edge() {
                all(Kind::Truth, &[a], NOT_A_TRUTH)?;
            }
            of(a)
        }
        Expression::Over(_, None, a) if warms_up(a) => return Err(REMEMBERS),
        Expression::Over(_, _, a) => of(a),
        Expression::Since(None, a, b) if warms_up(a) || warms_up(b) => return Err(REMEMBERS),
        Expression::Since(_, a, b) => {
            all(Kind::Truth, &[a, b], NOT_A_TRUTH)?;
            Kind::Truth
        }
    })
}
