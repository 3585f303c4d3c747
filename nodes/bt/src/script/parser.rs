//! Tokens → expressions, by binding powers.

use super::lexer::{Kind, Token, tokens};
use super::{
    Assign, Binary, Compare, EXPRESSION_DEPTH_LIMIT, EXPRESSION_HEIGHT_LIMIT, Expr, ExprId, SCRIPT_LIMIT,
    Source, Unary,
};
use crate::error::BtError;
use crate::text;
use crate::value::Value;
use std::sync::Arc;

// How strongly operators bind, from weak to strong.
const ASSIGNMENT: u8 = 2;
const TERNARY: u8 = 4;
const COMPARISON: u8 = 10;
const PREFIX: u8 = 20;

/// Reads a script.
pub(super) fn parse(text: &str) -> Result<Source, BtError> {
    let error = |at, message: &str| BtError::Script {
        script: text.chars().take(200).collect(),
        at,
        message: message.to_owned(),
    };
    if text.len() > SCRIPT_LIMIT {
        return Err(error(SCRIPT_LIMIT, "the script is longer than 64 KiB"));
    }
    let mut parser = Parser {
        tokens: tokens(text),
        next: 0,
        depth: 0,
        exprs: Vec::new(),
        heights: Vec::new(),
        names: Vec::new(),
    };
    let mut statements = Vec::new();
    while parser.peek().kind != Kind::End {
        statements.push(parser.expression(0).map_err(|(at, message)| error(at, &message))?);
        while parser.at_mark(";") {
            parser.advance();
        }
    }
    if statements.is_empty() {
        return Err(error(0, "the script is empty"));
    }
    Ok(Source { text: Arc::from(text), exprs: parser.exprs, statements, names: parser.names })
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
    depth: usize,
    exprs: Vec<Expr>,
    /// How deep every expression is: a long sum is deep without brackets.
    heights: Vec<usize>,
    names: Vec<String>,
}

/// Where and what.
type Wrong = (usize, String);

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        // The last token ends the list and is never passed.
        self.tokens[self.next]
    }

    fn advance(&mut self) -> Token<'a> {
        let token = self.peek();
        if token.kind != Kind::End {
            self.next += 1;
        }
        token
    }

    fn at_mark(&self, mark: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Mark && token.text == mark
    }

    fn expect(&mut self, mark: &str) -> Result<(), Wrong> {
        if self.at_mark(mark) {
            self.advance();
            return Ok(());
        }
        let token = self.peek();
        Err((token.at, format!("expected `{mark}`, found `{}`", token.text)))
    }

    fn push(&mut self, expr: Expr) -> Result<ExprId, Wrong> {
        let height = |id: &ExprId| self.heights.get(*id as usize).copied().unwrap_or(0);
        let below = match &expr {
            Expr::Literal(_) | Expr::Name(_) => 0,
            Expr::Unary(_, a) => height(a),
            Expr::Binary(_, a, b) | Expr::Assign(_, a, b) => height(a).max(height(b)),
            Expr::Chain(first, links) => {
                links.iter().map(|(_, id)| height(id)).fold(height(first), usize::max)
            }
            Expr::If(a, b, c) => height(a).max(height(b)).max(height(c)),
        };
        if below >= EXPRESSION_HEIGHT_LIMIT {
            let limit = EXPRESSION_HEIGHT_LIMIT;
            return Err((
                self.peek().at,
                format!("the expression has more than {limit} operations in a row"),
            ));
        }
        self.heights.push(below + 1);
        self.exprs.push(expr);
        // A script is shorter than 2^32 bytes and every expression takes one.
        Ok(u32::try_from(self.exprs.len() - 1).unwrap_or(u32::MAX))
    }

    fn expression(&mut self, least: u8) -> Result<ExprId, Wrong> {
        self.depth += 1;
        if self.depth > EXPRESSION_DEPTH_LIMIT {
            let limit = EXPRESSION_DEPTH_LIMIT;
            return Err((self.peek().at, format!("the expression is nested deeper than {limit}")));
        }
        let found = self.infix(least);
        self.depth -= 1;
        found
    }

    fn infix(&mut self, least: u8) -> Result<ExprId, Wrong> {
        let mut left = self.prefix()?;
        loop {
            let token = self.peek();
            let mark = if token.kind == Kind::Mark { token.text } else { "" };
            if let Some(op) = assignment(mark).filter(|_| ASSIGNMENT >= least) {
                self.advance();
                let right = self.expression(0)?;
                return self.push(Expr::Assign(op, left, right));
            }
            if mark == "?" && TERNARY >= least {
                self.advance();
                let then = self.expression(0)?;
                self.expect(":")?;
                let otherwise = self.expression(TERNARY)?;
                return self.push(Expr::If(left, then, otherwise));
            }
            if comparison(mark).is_some() && COMPARISON >= least {
                left = self.chain(left)?;
                continue;
            }
            match binary(mark).filter(|(power, _)| *power >= least) {
                Some((power, op)) => {
                    self.advance();
                    let right = self.expression(power + 1)?;
                    left = self.push(Expr::Binary(op, left, right))?;
                }
                None => return Ok(left),
            }
        }
    }

    fn chain(&mut self, first: ExprId) -> Result<ExprId, Wrong> {
        let mut links = Vec::new();
        while let Some(op) = comparison(self.peek().text).filter(|_| self.peek().kind == Kind::Mark) {
            self.advance();
            links.push((op, self.expression(COMPARISON + 1)?));
        }
        self.push(Expr::Chain(first, links))
    }

    fn prefix(&mut self) -> Result<ExprId, Wrong> {
        let token = self.advance();
        let literal = match token.kind {
            Kind::Mark => return self.marked(token),
            Kind::Boolean => Value::Real(if token.text == "true" { 1.0 } else { 0.0 }),
            Kind::Integer => Value::from(integer(token.text)),
            Kind::Real => match text::real_prefix(token.text) {
                Some((value, _)) => Value::Real(value),
                None => return Err((token.at, format!("`{}` does not fit into a number", token.text))),
            },
            Kind::Text => Value::text(token.text),
            Kind::Name => {
                let known = self.names.iter().position(|name| name == token.text);
                let index = known.unwrap_or_else(|| {
                    self.names.push(token.text.to_owned());
                    self.names.len() - 1
                });
                return self.push(Expr::Name(u32::try_from(index).unwrap_or(u32::MAX)));
            }
            Kind::End => return Err((token.at, "expected an operand, found the end".to_owned())),
            Kind::Bad => return Err((token.at, format!("invalid token `{}`", token.text))),
        };
        self.push(Expr::Literal(literal))
    }

    fn marked(&mut self, token: Token<'a>) -> Result<ExprId, Wrong> {
        let op = match token.text {
            "-" => Unary::Negate,
            "~" => Unary::Complement,
            "!" => Unary::Not,
            "(" => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            other => return Err((token.at, format!("expected an operand, found `{other}`"))),
        };
        let operand = self.expression(PREFIX)?;
        self.push(Expr::Unary(op, operand))
    }
}

/// An integer's value. As in BehaviorTree.CPP one that does not fit is 0.
fn integer(digits: &str) -> i64 {
    match digits.get(..2) {
        Some("0x" | "0X") => i64::from_str_radix(digits.get(2..).unwrap_or(""), 16).unwrap_or(0),
        _ => digits.parse().unwrap_or(0),
    }
}

fn assignment(mark: &str) -> Option<Assign> {
    Some(match mark {
        ":=" => Assign::Create,
        "=" => Assign::Existing,
        "+=" => Assign::Plus,
        "-=" => Assign::Minus,
        "*=" => Assign::Times,
        "/=" => Assign::Divide,
        _ => return None,
    })
}

fn comparison(mark: &str) -> Option<Compare> {
    Some(match mark {
        "==" => Compare::Equal,
        "!=" => Compare::NotEqual,
        "<" => Compare::Less,
        ">" => Compare::Greater,
        "<=" => Compare::LessEqual,
        ">=" => Compare::GreaterEqual,
        _ => return None,
    })
}

/// Binding power and operator.
fn binary(mark: &str) -> Option<(u8, Binary)> {
    Some(match mark {
        "||" => (6, Binary::Or),
        "&&" => (8, Binary::And),
        "|" => (12, Binary::BitOr),
        "^" => (12, Binary::BitXor),
        "&" => (14, Binary::BitAnd),
        "+" => (16, Binary::Plus),
        "-" => (16, Binary::Minus),
        ".." => (16, Binary::Concat),
        "*" => (18, Binary::Times),
        "/" => (18, Binary::Divide),
        _ => return None,
    })
}
