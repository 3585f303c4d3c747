//! What comes again and again is told once: when it began, how often it came, and for how long.

use std::collections::BTreeMap;

/// What comes again within so long is the same spell, s.
const APART_S: f64 = 15.0;
/// What is seen again within so long has lasted in between, s.
const LASTS_S: f64 = 0.5;
/// The most spells that are open at a time; beyond it the oldest is told.
const OPEN_LIMIT: usize = 256;

/// One line of `events`: time, kind, text.
pub(super) type Told = (u64, &'static str, String);

#[derive(Debug)]
struct Spell {
    first_ns: u64,
    last_ns: u64,
    count: u64,
    lasted_ns: u64,
    text: String,
}

/// Spells that are not over yet, by kind and what is alike.
#[derive(Debug, Default)]
pub(super) struct Spells {
    open: BTreeMap<(&'static str, String), Spell>,
}

impl Spells {
    /// Something is so at `at_ns`; `begins`: it was not so just before. Texts that differ in numbers only are alike, and
    /// the first one is told. What is over is handed to `told`.
    pub(super) fn note(
        &mut self,
        at_ns: u64,
        kind: &'static str,
        text: &str,
        begins: bool,
        told: &mut Vec<Told>,
    ) {
        self.enter(at_ns, (kind, alike(text)), text, begins, told);
    }

    /// Something happened once more, as which it is told by its newest text.
    pub(super) fn again(
        &mut self,
        at_ns: u64,
        kind: &'static str,
        what: &str,
        text: &str,
        told: &mut Vec<Told>,
    ) {
        text.clone_into(&mut self.enter(at_ns, (kind, what.to_owned()), text, true, told).text);
    }

    fn enter(
        &mut self,
        at_ns: u64,
        key: (&'static str, String),
        text: &str,
        begins: bool,
        told: &mut Vec<Told>,
    ) -> &mut Spell {
        self.close(at_ns, told);
        if !self.open.contains_key(&key) && self.open.len() >= OPEN_LIMIT {
            let oldest = self.open.iter().min_by_key(|(_, s)| s.first_ns).map(|(key, _)| key.clone());
            told.extend(oldest.and_then(|key| self.open.remove_entry(&key)).map(tell));
        }
        let spell = self.open.entry(key).or_insert_with(|| Spell {
            first_ns: at_ns,
            last_ns: at_ns,
            count: 0,
            lasted_ns: 0,
            text: text.to_owned(),
        });
        let since_ns = at_ns.saturating_sub(spell.last_ns);
        if begins || spell.count == 0 {
            spell.count += 1;
        } else if since_ns as f64 <= LASTS_S * 1e9 {
            spell.lasted_ns += since_ns;
        }
        spell.last_ns = at_ns;
        spell
    }

    /// Tells what has not come again for long.
    fn close(&mut self, now_ns: u64, told: &mut Vec<Told>) {
        let over = |s: &Spell| now_ns.saturating_sub(s.last_ns) as f64 > APART_S * 1e9;
        if self.open.values().any(over) {
            let all = std::mem::take(&mut self.open);
            let (closed, open): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, s)| over(s));
            self.open = open.into_iter().collect();
            told.extend(closed.into_iter().map(tell));
        }
    }

    /// Tells all that is open.
    pub(super) fn end(&mut self, told: &mut Vec<Told>) {
        told.extend(std::mem::take(&mut self.open).into_iter().map(tell));
    }
}

fn tell(((kind, _), spell): ((&'static str, String), Spell)) -> Told {
    let s = |ns: u64| ns as f64 / 1e9;
    let (count, lasted_s) = (spell.count, s(spell.lasted_ns));
    let within_s = s(spell.last_ns.saturating_sub(spell.first_ns));
    let often = if count > 1 { format!(", {count} times within {within_s:.1} s") } else { String::new() };
    let long = match (count, spell.lasted_ns) {
        (_, 0) => String::new(),
        (1, _) => format!(", for {lasted_s:.1} s"),
        _ => format!(", {lasted_s:.1} s in all"),
    };
    (spell.first_ns, kind, spell.text + &often + &long)
}

/// A text without its numbers.
pub(super) fn alike(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let numeric = c.is_ascii_digit() || (matches!(c, '.' | '-') && !out.ends_with(' '));
        match (numeric && (c.is_ascii_digit() || out.ends_with('0')), out.ends_with('0')) {
            (true, true) => {}
            (true, false) => out.push('0'),
            (false, _) => out.push(c),
        }
    }
    // A sign belongs to its number.
    out.replace("-0", "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_alternates_is_told_once_each() {
        let (mut spells, mut told) = (Spells::default(), Vec::new());
        let mut last = "";
        for i in 0..600_u64 {
            let text = if i / 20 % 2 == 0 { "no path" } else { "person #3 at 0.4 m" };
            spells.note(i * 100 * MS, "blocked", text, text != last, &mut told);
            last = text;
        }
        assert!(told.is_empty());
        spells.end(&mut told);
        let texts: Vec<(u64, &str)> = told.iter().map(|(at, _, text)| (*at, text.as_str())).collect();
        assert_eq!(
            texts,
            [
                (0, "no path, 15 times within 57.9 s, 28.5 s in all"),
                (2_000 * MS, "person #3 at 0.4 m, 15 times within 57.9 s, 28.5 s in all"),
            ]
        );
    }

    #[test]
    fn after_a_long_time_it_is_another_spell() {
        let (mut spells, mut told) = (Spells::default(), Vec::new());
        for (at_ms, begins) in [(0, true), (400, false), (20_000, true)] {
            spells.note(at_ms * MS, "blocked", "no path", begins, &mut told);
        }
        assert_eq!(told, [(0, "blocked", "no path, for 0.4 s".to_owned())]);
        spells.end(&mut told);
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn numbers_make_no_difference_and_words_do() {
        assert_eq!(alike("person #3 at 0.41 m"), alike("person #17 at 12.5 m"));
        assert_eq!(alike("at (-1.20, 3.00)"), alike("at (4.00, -0.25)"));
        assert_ne!(alike("no path."), alike("no way."));
    }

    #[test]
    fn what_is_open_is_bounded() {
        let (mut spells, mut told) = (Spells::default(), Vec::new());
        for i in 0..300_u64 {
            let text: String = format!("{i}").chars().map(|c| char::from(b'a' + (c as u8 - b'0'))).collect();
            spells.note(i, "blocked", &text, true, &mut told);
        }
        assert_eq!((told.len(), spells.open.len()), (44, OPEN_LIMIT));
    }
}
