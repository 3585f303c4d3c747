//! A short text that needs no heap: for what may not allocate.

use std::fmt;

/// At most `N` bytes of text. What does not fit is cut off, at the end of a character.
#[derive(Clone, Copy)]
pub struct Label<const N: usize> {
    bytes: [u8; N],
    length: usize,
    /// Something was cut off: what comes after would read as if it followed.
    cut: bool,
}

impl<const N: usize> Label<N> {
    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Appends as much as fits.
    pub fn push_str(&mut self, text: &str) {
        if self.cut {
            return;
        }
        let room = N - self.length.min(N);
        let fits = |at: &usize| *at <= room && text.is_char_boundary(*at);
        let end = (0..=text.len().min(room)).rev().find(fits).unwrap_or(0);
        let (from, to) = (self.length, self.length + end);
        if let (Some(into), Some(part)) = (self.bytes.get_mut(from..to), text.as_bytes().get(..end)) {
            into.copy_from_slice(part);
            self.length = to;
        }
        self.cut = end < text.len();
    }
}

impl<const N: usize> Default for Label<N> {
    fn default() -> Self {
        Self { bytes: [0; N], length: 0, cut: false }
    }
}

impl<const N: usize> From<&str> for Label<N> {
    fn from(text: &str) -> Self {
        let mut label = Self::default();
        label.push_str(text);
        label
    }
}

/// Equal where the texts are.
impl<const N: usize> PartialEq for Label<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<const N: usize> Eq for Label<N> {}

/// So that `write!` fills it; cutting off is no error.
impl<const N: usize> fmt::Write for Label<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

impl<const N: usize> std::ops::Deref for Label<N> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> fmt::Debug for Label<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> fmt::Display for Label<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn what_does_not_fit_is_cut_off_at_a_character() {
        assert_eq!(Label::<5>::from("abc").as_str(), "abc");
        assert_eq!(Label::<5>::from("abcdefg").as_str(), "abcde");
        assert_eq!(Label::<5>::from("abcd\u{e9}").as_str(), "abcd");
        assert_eq!(Label::<6>::from("abcd\u{e9}").as_str(), "abcd\u{e9}");
        assert_eq!(Label::<0>::from("a").as_str(), "");
        let mut label = Label::<5>::from("abcd\u{e9}");
        label.push_str("x");
        assert_eq!(label.as_str(), "abcd", "nothing reads as if it followed");
    }

    #[test]
    fn it_can_be_written_to() {
        let mut label = Label::<8>::default();
        let (number, text) = (12, "ab");
        write!(label, "{number}-{text}").unwrap();
        assert_eq!(&*label, "12-ab");
        write!(label, "cdefg").unwrap();
        write!(label, "h").unwrap();
        assert_eq!(label, Label::from("12-abcde"), "equal whatever the way there");
    }
}
