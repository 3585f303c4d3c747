//! Text → tokens.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Real,
    Text,
    Boolean,
    Name,
    /// An operator or a bracket: the token's text says which.
    Mark,
    End,
    Bad,
}

/// A token of a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Offset in the script, bytes.
    pub at: usize,
}

/// Operators of two characters; looked for before those of one.
const TWO: [&str; 12] = ["..", "&&", "||", "==", "!=", "<=", ">=", ":=", "+=", "-=", "*=", "/="];

/// Operators and brackets of one character.
const ONE: &str = "+-*/&|^~!<>=?:();";

fn starts_name(c: u8) -> bool {
    c.is_ascii_alphabetic() || c == b'_' || c == b'@'
}

fn continues_name(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

/// All tokens; the last one is [`Kind::End`]. What is none is [`Kind::Bad`].
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&c) = bytes.get(at) {
        if matches!(c, b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
            continue;
        }
        let (kind, end) = next(source, bytes, at, c);
        let text = match kind {
            Kind::Text => source.get(at + 1..end - 1),
            _ => source.get(at..end),
        };
        found.push(Token { kind, text: text.unwrap_or(""), at });
        at = end;
    }
    found.push(Token { kind: Kind::End, text: "", at });
    found
}

/// Kind and end of the token that begins at `at` with `c`.
fn next(source: &str, bytes: &[u8], at: usize, c: u8) -> (Kind, usize) {
    let run = |from: usize, goes_on: fn(u8) -> bool| {
        from + bytes.iter().skip(from).take_while(|c| goes_on(**c)).count()
    };
    if c == b'\'' {
        let end = run(at + 1, |c| c != b'\'');
        return if end < bytes.len() { (Kind::Text, end + 1) } else { (Kind::Bad, end) };
    }
    if c.is_ascii_digit() {
        return number(bytes, at);
    }
    if starts_name(c) {
        let end = run(at + 1, continues_name);
        let boolean = matches!(source.get(at..end), Some("true" | "false"));
        return (if boolean { Kind::Boolean } else { Kind::Name }, end);
    }
    if source.get(at..at + 2).is_some_and(|two| TWO.contains(&two)) {
        return (Kind::Mark, at + 2);
    }
    let length = source.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    (if ONE.as_bytes().contains(&c) { Kind::Mark } else { Kind::Bad }, at + length)
}

/// A number and what is stuck to it. `65..` is 65 and the operator for joining texts.
fn number(bytes: &[u8], start: usize) -> (Kind, usize) {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let run = |from: usize, goes_on: fn(u8) -> bool| {
        from + bytes.iter().skip(from).take_while(|c| goes_on(**c)).count()
    };
    let garbage = |from: usize| (Kind::Bad, run(from, |c| continues_name(c) || c == b'.'));
    if at(start) == b'0' && matches!(at(start + 1), b'x' | b'X') {
        let end = run(start + 2, |c| c.is_ascii_hexdigit());
        let stuck = at(end) == b'.' || continues_name(at(end));
        return if end == start + 2 || stuck { garbage(end) } else { (Kind::Integer, end) };
    }
    let digits = |from: usize| run(from, |c| c.is_ascii_digit());
    let mut end = digits(start);
    let mut kind = Kind::Integer;
    if at(end) == b'.' && at(end + 1) != b'.' {
        if !at(end + 1).is_ascii_digit() {
            return garbage(end + 1);
        }
        kind = Kind::Real;
        end = digits(end + 1);
    }
    if matches!(at(end), b'e' | b'E') {
        kind = Kind::Real;
        end += 1;
        if matches!(at(end), b'+' | b'-') {
            end += 1;
        }
        if !at(end).is_ascii_digit() {
            return (Kind::Bad, end);
        }
        end = digits(end);
    }
    if starts_name(at(end)) { (Kind::Bad, run(end, continues_name).max(end + 1)) } else { (kind, end) }
}
