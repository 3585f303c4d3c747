//! What was made of a text before: a suite of runs reads the same few files over and over.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;

/// So many of the last ones are remembered on every thread,
const REMEMBERED: usize = 64;
/// of texts no longer than this, in bytes.
const TEXT_LIMIT: usize = 256 << 10;

struct Made {
    text: String,
    value: Box<dyn Any>,
}

thread_local! {
    /// The newest first.
    static MADE: RefCell<VecDeque<Made>> = const { RefCell::new(VecDeque::new()) };
}

/// What `make` makes of a text: made now, or a copy of what was made of the same text for the same type on this thread before.
/// `make` may look at the text and at nothing else, but for the words of an error: errors are not remembered.
///
/// # Errors
/// Those of `make`.
pub fn remembered<T: Clone + 'static, E>(text: &str, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let known = MADE.with_borrow_mut(|all| {
        let at = all.iter().position(|made| made.value.is::<T>() && made.text == text)?;
        let made = all.remove(at)?;
        let value = made.value.downcast_ref::<T>().cloned();
        all.push_front(made);
        value
    });
    if let Some(value) = known {
        return Ok(value);
    }
    let value = make()?;
    if text.len() <= TEXT_LIMIT {
        MADE.with_borrow_mut(|all| {
            all.truncate(REMEMBERED - 1);
            all.push_front(Made { text: text.to_owned(), value: Box::new(value.clone()) });
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_made_once_for_every_type_and_errors_are_made_anew() {
        let mut times = 0;
        let mut make = |text: &str| {
            remembered(text, || {
                times += 1;
                text.parse::<u8>()
            })
        };
        assert_eq!([make("7"), make("8"), make("7"), make("7")], [Ok(7), Ok(8), Ok(7), Ok(7)]);
        assert!(make("x").is_err() && make("x").is_err());
        assert_eq!(times, 4);
        assert_eq!(remembered("7", || "7".parse::<f64>()), Ok(7.0));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut made = Vec::new();
        let mut make = |number: usize| {
            remembered(&number.to_string(), || {
                made.push(number);
                Ok::<_, ()>(number)
            })
        };
        for number in (0..=REMEMBERED).chain([REMEMBERED, 1, 0]) {
            assert_eq!(make(number), Ok(number));
        }
        assert_eq!(made.len(), REMEMBERED + 2);
        assert_eq!(made.last(), Some(&0));
    }
}
