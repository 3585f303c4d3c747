//! Something kept apart for every class, model and version.

use outrider_foundation::{Span, Stamp};

/// Keys that are kept apart. Those beyond share one: so a model that takes a new name with every picture is judged as
/// one model after this many.
pub(crate) const KEY_LIMIT: usize = 16;
/// What has not been added to for this long is forgotten: it may be about a version that is gone.
pub(crate) const FORGET: Span = Span::from_millis(60_000);

/// Whose word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    /// Most likely class.
    pub class: &'a str,
    pub model: &'a str,
    pub version: &'a str,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    class: String,
    model: String,
    version: String,
    fed: Stamp,
    held: T,
}

impl<T> Entry<T> {
    fn is(&self, key: Key<'_>) -> bool {
        self.class == key.class && self.version == key.version && self.model == key.model
    }
}

/// At most [`KEY_LIMIT`] things, and one that all further keys share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keyed<T> {
    entries: Vec<Entry<T>>,
    /// Since when it was last added to.
    shared: Option<(Stamp, T)>,
    beyond: u64,
}

impl<T: Default> Keyed<T> {
    /// What is held for a key, to be added to at `at`.
    pub fn feed(&mut self, key: Key<'_>, at: Stamp) -> &mut T {
        let mut place = self.entries.iter().position(|e| e.is(key));
        if place.is_none() {
            self.entries.retain(|e| at.since(e.fed) <= FORGET);
            if self.entries.len() < KEY_LIMIT {
                place = Some(self.entries.len());
                let [class, model, version] = [key.class, key.model, key.version].map(str::to_owned);
                self.entries.push(Entry { class, model, version, fed: at, held: T::default() });
            }
        }
        match place.and_then(|place| self.entries.get_mut(place)) {
            Some(entry) => {
                entry.fed = at;
                &mut entry.held
            }
            None => {
                self.beyond = self.beyond.saturating_add(1);
                let shared = self.shared.get_or_insert_default();
                shared.0 = at;
                &mut shared.1
            }
        }
    }

    /// What is held for a key. One that has none of its own has the shared one, if there is any.
    pub fn get(&self, key: Key<'_>) -> Option<&T> {
        let own = self.entries.iter().find(|e| e.is(key)).map(|e| &e.held);
        own.or_else(|| self.shared.as_ref().map(|(_, held)| held))
    }

    /// Everything that has been added to lately.
    pub fn lately(&self, at: Stamp) -> impl Iterator<Item = &T> + '_ {
        let own = self.entries.iter().map(|e| (e.fed, &e.held));
        let shared = self.shared.iter().map(|(fed, held)| (*fed, held));
        own.chain(shared).filter(move |(fed, _)| at.since(*fed) <= FORGET).map(|(_, held)| held)
    }

    /// How often something was added to the shared one.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Stamp {
        Stamp::from_nanos(s * 1_000_000_000)
    }

    #[test]
    fn every_part_of_a_key_counts() {
        let key = |class, model, version| Key { class, model, version };
        let mut held = Keyed::<u32>::default();
        let keys = [key("a", "b", "c"), key("x", "b", "c"), key("a", "x", "c"), key("a", "b", "x")];
        for (n, k) in (1..).zip(keys) {
            *held.feed(k, at(0)) += n;
        }
        assert_eq!(keys.map(|k| held.get(k).copied()), [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(held.get(key("a", "b", "")), None);
    }

    #[test]
    fn keys_beyond_the_limit_share_one_and_are_counted() {
        let mut held = Keyed::<u32>::default();
        let names: Vec<String> = (0..KEY_LIMIT + 5).map(|i| i.to_string()).collect();
        for version in &names {
            *held.feed(Key { class: "person", model: "m", version }, at(1)) += 1;
        }
        let of = |i: usize| held.get(Key { class: "person", model: "m", version: &names[i] }).copied();
        assert_eq!((of(0), of(KEY_LIMIT - 1), of(KEY_LIMIT), held.beyond()), (Some(1), Some(1), Some(5), 5));
        assert_eq!(held.lately(at(1)).count(), KEY_LIMIT + 1);
    }

    #[test]
    fn what_is_not_heard_of_any_more_makes_room() {
        let mut held = Keyed::<u32>::default();
        for i in 0..KEY_LIMIT as i64 {
            *held.feed(Key { class: &i.to_string(), model: "", version: "" }, at(i)) += 1;
        }
        assert_eq!(held.lately(at(60)).count(), KEY_LIMIT, "a minute is not too long");
        assert_eq!(held.lately(at(64)).count(), KEY_LIMIT - 4);
        *held.feed(Key { class: "new", model: "", version: "" }, at(64)) += 1;
        assert_eq!((held.beyond(), held.lately(at(64)).count()), (0, KEY_LIMIT - 3));
    }
}
