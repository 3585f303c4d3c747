//! Numbers out of text as C++'s `std::from_chars` takes them: no space and no plus sign in front, and what follows the
//! longest number is ignored.

use std::collections::BTreeMap;

/// The longest integer at the start of a text; `None` when there is none or it does not fit.
pub(crate) fn integer_prefix(text: &str) -> Option<i64> {
    let digits_from = usize::from(text.starts_with('-'));
    let length = text.bytes().skip(digits_from).take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return None;
    }
    text.get(..digits_from.saturating_add(length))?.parse().ok()
}

/// An integer that is the whole text.
pub(crate) fn integer(text: &str) -> Option<i64> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// The longest real number at the start of a text, and how many bytes it takes.
pub(crate) fn real_prefix(text: &str) -> Option<(f64, usize)> {
    let bytes = text.as_bytes();
    let sign = usize::from(text.starts_with('-'));
    let rest = bytes.get(sign..)?;
    for (word, value) in [("infinity", f64::INFINITY), ("inf", f64::INFINITY), ("nan", f64::NAN)] {
        if rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes())) {
            let value = if sign == 1 { -value } else { value };
            return Some((value, sign.saturating_add(word.len())));
        }
    }
    let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(sign);
    let mut end = sign.saturating_add(whole);
    let mut mantissa = whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end.saturating_add(1));
        if whole.saturating_add(fraction) > 0 {
            end = end.saturating_add(1).saturating_add(fraction);
            mantissa = mantissa.saturating_add(fraction);
        }
    }
    if mantissa == 0 {
        return None;
    }
    let nonzero = bytes.iter().take(end).any(|b| (b'1'..=b'9').contains(b));
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(bytes.get(end.saturating_add(1)), Some(b'+' | b'-')));
        let from = end.saturating_add(1).saturating_add(signed);
        let exponent = digits(from);
        if exponent > 0 {
            end = from.saturating_add(exponent);
        }
    }
    let value: f64 = text.get(..end)?.parse().ok()?;
    // A number that a double cannot hold, too large or too small, is no number.
    let fits = value.is_finite() && (value != 0.0 || !nonzero);
    fits.then_some((value, end))
}

/// A real number that is the whole text.
pub(crate) fn real(text: &str) -> Option<f64> {
    real_prefix(text).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
}

/// A real number that is the whole text, or an enumeration.
pub(crate) fn real_or_enum(text: &str, enums: &BTreeMap<String, i64>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "enumerations are small numbers")]
    match enums.get(text) {
        Some(value) => Some(*value as f64),
        None => real(text),
    }
}

/// A truth value: `0`, `1`, or true and false in small, capital or leading capital letters.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "TRUE" | "True" => Some(true),
        "0" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A real number as C++'s `std::to_string` writes it: six decimals.
pub(crate) fn from_real(value: f64) -> String {
    if value.is_nan() {
        return if value.is_sign_negative() { "-nan" } else { "nan" }.to_owned();
    }
    format!("{value:.6}")
}

/// The name of a blackboard entry in `{name}`, spaces around it aside.
pub(crate) fn pointer(text: &str) -> Option<&str> {
    if text.len() < 3 {
        return None;
    }
    let inner = text.trim_matches(' ').strip_prefix('{')?.strip_suffix('}')?;
    (!inner.is_empty()).then_some(inner)
}

/// The entry that a port's text points to: `{name}`, or the port's own name for `{=}` and `=`.
pub(crate) fn remapped<'a>(port: &'a str, text: &'a str) -> Option<&'a str> {
    if text == "{=}" || text == "=" { Some(port) } else { pointer(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_as_from_chars_takes_them() {
        assert_eq!(integer_prefix("12abc"), Some(12));
        assert_eq!(integer_prefix("-7.5"), Some(-7));
        assert_eq!(integer_prefix("+7"), None);
        assert_eq!(integer_prefix(" 7"), None);
        assert_eq!(integer_prefix("-"), None);
        assert_eq!(integer_prefix("9223372036854775808"), None);
        assert_eq!(real_prefix("1.5e3x"), Some((1500.0, 5)));
        assert_eq!(real_prefix("1e"), Some((1.0, 1)));
        assert_eq!(real_prefix(".5"), Some((0.5, 2)));
        assert_eq!(real_prefix("5."), Some((5.0, 2)));
        assert_eq!(real_prefix("."), None);
        assert_eq!(real_prefix("1e999"), None);
        assert_eq!(real_prefix("-INF"), Some((f64::NEG_INFINITY, 4)));
        assert_eq!(real("2.2;2.4"), None);
        assert_eq!(from_real(0.5), "0.500000");
    }

    #[test]
    fn a_pointer_may_have_spaces_around_and_inside() {
        assert_eq!(pointer("  {a b} "), Some("a b"));
        assert_eq!(pointer("{}"), None);
        assert_eq!(pointer("a}"), None);
        assert_eq!(remapped("goal", "{=}"), Some("goal"));
        assert_eq!(remapped("goal", "="), Some("goal"));
        assert_eq!(remapped("goal", "5"), None);
    }
}
