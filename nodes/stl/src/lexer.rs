//! Text into tokens.

use crate::error::{Position, StlError};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind<'a> {
    Number(f64),
    Word(&'a str),
    /// What stands between quotation marks.
    Text(&'a str),
    Symbol(&'static str),
    End,
}

/// A token with its place: `start..end` in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Token<'a> {
    pub kind: Kind<'a>,
    pub start: usize,
    pub end: usize,
}

impl Token<'_> {
    /// As an error names it.
    pub fn describe(&self) -> String {
        match self.kind {
            Kind::Number(n) => format!("the number {n}"),
            Kind::Word(w) => format!("`{w}`"),
            Kind::Text(t) => format!("\"{t}\""),
            Kind::Symbol(s) => format!("`{s}`"),
            Kind::End => "the end".to_owned(),
        }
    }
}

/// Longest first, so that `<->` is not `<` and `->`.
const SYMBOLS: [&str; 27] = [
    "<->", "!==", "->", "<=", ">=", "==", "!=", "&&", "||", "<", ">", "=", "!", "&", "|", "+", "-", "*", "/",
    "(", ")", "[", "]", ":", ",", ";", "@",
];

/// All tokens of a text; the last is [`Kind::End`]. Blanks and comments (`// …`, `/* … */`) are left out.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token<'_>>, StlError> {
    let mut found = vec![];
    let mut at = 0;
    loop {
        at = skip_blanks(text, at)?;
        let token = next_token(text, at)?;
        at = token.end;
        found.push(token);
        if token.kind == Kind::End {
            return Ok(found);
        }
    }
}

fn rest(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or("")
}

fn skip_blanks(text: &str, mut at: usize) -> Result<usize, StlError> {
    loop {
        let left = rest(text, at);
        let trimmed = left.trim_start();
        at = at.saturating_add(left.len().saturating_sub(trimmed.len()));
        let comment = if trimmed.starts_with("//") {
            trimmed.find(['\n', '\r']).unwrap_or(trimmed.len())
        } else if trimmed.starts_with("/*") {
            let unclosed = || syntax(text, at, "`*/` that ends the comment", "the end".to_owned());
            // The star of `/*` does not end it.
            let inside = trimmed.get(2..).and_then(|inside| inside.find("*/"));
            inside.ok_or_else(unclosed)?.saturating_add(4)
        } else {
            return Ok(at);
        };
        at = at.saturating_add(comment);
    }
}

fn next_token(text: &str, start: usize) -> Result<Token<'_>, StlError> {
    let left = rest(text, start);
    let token = |kind, length: usize| Token { kind, start, end: start.saturating_add(length) };
    let Some(first) = left.chars().next() else { return Ok(token(Kind::End, 0)) };
    let is_digit_at = |i: usize| left.as_bytes().get(i).is_some_and(u8::is_ascii_digit);
    if first.is_ascii_digit() || (first == '.' && is_digit_at(1)) {
        let length = number_length(left.as_bytes());
        let digits = left.get(..length).unwrap_or("");
        return match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(token(Kind::Number(number), length)),
            _ => Err(syntax(text, start, "a finite number", format!("`{digits}`"))),
        };
    }
    if first.is_alphabetic() || first == '_' {
        let inner = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let length = left.find(|c| !inner(c)).unwrap_or(left.len());
        return Ok(token(Kind::Word(left.get(..length).unwrap_or("")), length));
    }
    if first == '"' {
        let inside = left.get(1..).unwrap_or("");
        let Some(length) = inside.find(['"', '\n']).filter(|i| inside.as_bytes().get(*i) == Some(&b'"'))
        else {
            return Err(syntax(
                text,
                start,
                "a text that ends with `\"` on its line",
                "an open one".to_owned(),
            ));
        };
        return Ok(token(Kind::Text(inside.get(..length).unwrap_or("")), length.saturating_add(2)));
    }
    match SYMBOLS.iter().find(|s| left.starts_with(**s)) {
        Some(symbol) => Ok(token(Kind::Symbol(symbol), symbol.len())),
        None => Err(syntax(text, start, "a formula", format!("the character `{first}`"))),
    }
}

/// Digits with at most one point, and an exponent when digits follow it: `300ms` is a number and a word.
fn number_length(bytes: &[u8]) -> usize {
    let digits = |from: usize| {
        bytes.get(from..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count())
    };
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') {
        length = length.saturating_add(1);
        length = length.saturating_add(digits(length));
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length.saturating_add(1)), Some(b'+' | b'-')));
        let from = length.saturating_add(1).saturating_add(sign);
        if digits(from) > 0 {
            length = from.saturating_add(digits(from));
        }
    }
    length
}

pub(crate) fn syntax(text: &str, at: usize, expected: &str, found: String) -> StlError {
    StlError::Syntax { at: Position::of(text, at), expected: expected.to_owned(), found }
}
