//! The blackboards of a tree: one for every subtree, each with its entries and with names that stand for the parent's.
//!
//! Rules after BehaviorTree.CPP 4.10 (`src/blackboard.cpp`). Whoever reads or writes an entry again and again holds a
//! [`KeyRef`], which finds it once and looks again only after an entry has come or gone.

use crate::error::{Fault, fault};
use crate::kind::Kind;
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which blackboard of a tree; 0 is the root's.
pub type BoardId = u32;

/// Which entry, of all blackboards.
pub(crate) type EntryId = u32;

/// One value with its type.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// The type that it was declared with.
    pub kind: Kind,
    /// Counts the writes.
    pub sequence: u64,
}

#[derive(Clone, Debug, Default)]
struct Board {
    parent: Option<BoardId>,
    autoremap: bool,
    /// Own name → the parent's.
    remaps: BTreeMap<Arc<str>, Arc<str>>,
    storage: BTreeMap<Arc<str>, EntryId>,
}

/// A name in a blackboard, which remembers its entry.
#[derive(Clone, Debug)]
struct Key {
    board: BoardId,
    name: Arc<str>,
    /// As of which generation the rest holds; 0 for never.
    generation: u64,
    entry: Option<EntryId>,
    /// The entry lies in the name's own blackboard.
    local: bool,
}

/// Handle of a name in a blackboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef(u32);

/// All blackboards of a tree.
#[derive(Clone, Debug)]
pub struct Blackboards {
    boards: Vec<Board>,
    entries: Vec<Entry>,
    /// Entries that were removed, for use again.
    free: Vec<EntryId>,
    keys: Vec<Key>,
    /// Counts the entries that came and went.
    generation: u64,
    /// A name stands for one with an `@`, which is read but not made in the root's blackboard.
    at_in_remaps: bool,
}

/// The type of an entry that is made for a value.
fn new_kind(value: &Value, declared: Kind) -> Kind {
    match declared {
        // Text may turn out to be anything, a value of any type is what it is.
        Kind::Text => Kind::Untyped,
        Kind::Any => value.kind(),
        other => other,
    }
}

/// An entry that is there can be declared again.
fn agree(known: Kind, kind: Kind) -> Result<(), Fault> {
    if known != kind && known.is_strong() && kind.is_strong() {
        let (old, new) = (known.name(), kind.name());
        return Err(fault(format!("an entry was declared as {old} and can not be {new} now")));
    }
    Ok(())
}

impl Default for Blackboards {
    fn default() -> Self {
        Self {
            boards: vec![Board::default()],
            entries: Vec::new(),
            free: Vec::new(),
            keys: Vec::new(),
            generation: 1,
            at_in_remaps: false,
        }
    }
}

impl Blackboards {
    // Ids and handles are given out by this type only and stay valid as long as it lives.

    fn board(&self, id: BoardId) -> &Board {
        &self.boards[id as usize]
    }

    fn entry(&self, id: EntryId) -> &Entry {
        &self.entries[id as usize]
    }

    /// Counts the entries that came and went: ids hold until it changes.
    #[inline]
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Which entry a name means.
    pub(crate) fn entry_of(&mut self, key: KeyRef) -> Option<EntryId> {
        self.resolve(key).map(|(entry, _)| entry)
    }

    /// An entry's value.
    #[inline]
    pub(crate) fn entry_value(&self, id: EntryId) -> &Value {
        &self.entries[id as usize].value
    }

    /// An entry, to be changed by who keeps the rules.
    #[inline]
    pub(crate) fn entry_mut(&mut self, id: EntryId) -> &mut Entry {
        &mut self.entries[id as usize]
    }

    /// A blackboard below another one.
    pub(crate) fn add_board(&mut self, parent: BoardId) -> BoardId {
        let id = u32::try_from(self.boards.len()).unwrap_or(u32::MAX);
        self.boards.push(Board { parent: Some(parent), ..Board::default() });
        id
    }

    /// Names that are not known here mean the parent's entry of that name, but for those with a leading `_`.
    pub(crate) fn set_autoremap(&mut self, board: BoardId, on: bool) {
        self.boards[board as usize].autoremap = on;
        self.generation += 1;
    }

    /// `own` means the parent's `outer`.
    pub(crate) fn remap(&mut self, board: BoardId, own: &str, outer: &str) {
        self.at_in_remaps |= outer.starts_with('@');
        let remaps = &mut self.boards[board as usize].remaps;
        remaps.entry(Arc::from(own)).or_insert_with(|| Arc::from(outer));
        self.generation += 1;
    }

    /// A handle for a name.
    pub(crate) fn key(&mut self, board: BoardId, name: &str) -> KeyRef {
        let known = self.keys.iter().position(|key| key.board == board && *key.name == *name);
        let index = known.unwrap_or_else(|| {
            let name = Arc::from(name);
            self.keys.push(Key { board, name, generation: 0, entry: None, local: false });
            self.keys.len() - 1
        });
        KeyRef(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// A name's entry, and whether it lies in the blackboard itself. `@name` means the root's.
    fn find(&self, board: BoardId, name: &str) -> Option<(EntryId, bool)> {
        let (mut board, mut name, mut local) = (board, name, true);
        loop {
            if let Some(rest) = name.strip_prefix('@') {
                (board, name) = (0, rest);
                continue;
            }
            let here = self.board(board);
            if let Some(entry) = here.storage.get(name) {
                return Some((*entry, local));
            }
            board = here.parent?;
            local = false;
            if let Some(outer) = here.remaps.get(name) {
                name = outer;
            } else if !here.autoremap || name.starts_with('_') {
                return None;
            }
        }
    }

    #[inline]
    fn resolve(&mut self, key: KeyRef) -> Option<(EntryId, bool)> {
        let known = &self.keys[key.0 as usize];
        if known.generation != self.generation {
            let found = self.find(known.board, &known.name);
            let generation = self.generation;
            let known = &mut self.keys[key.0 as usize];
            known.generation = generation;
            known.entry = found.map(|(entry, _)| entry);
            known.local = found.is_some_and(|(_, local)| local);
        }
        let known = &self.keys[key.0 as usize];
        known.entry.map(|entry| (entry, known.local))
    }

    /// A name's entry.
    #[inline]
    pub(crate) fn get(&mut self, key: KeyRef) -> Option<&Entry> {
        let (entry, _) = self.resolve(key)?;
        Some(self.entry(entry))
    }

    /// A name's entry, to be changed by who keeps the rules.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: KeyRef) -> Option<&mut Entry> {
        let (entry, _) = self.resolve(key)?;
        Some(self.entry_mut(entry))
    }

    /// A handle's name.
    pub(crate) fn name(&self, key: KeyRef) -> &Arc<str> {
        &self.keys[key.0 as usize].name
    }

    /// A handle's blackboard.
    pub(crate) fn board_of(&self, key: KeyRef) -> BoardId {
        self.keys[key.0 as usize].board
    }

    /// An entry by name.
    pub fn look(&self, board: BoardId, name: &str) -> Option<&Entry> {
        self.find(board, name).map(|(entry, _)| self.entry(entry))
    }

    /// Makes an entry where there is none. `@name` makes it in the root's.
    ///
    /// # Errors
    /// When there is one of another type.
    pub(crate) fn create(&mut self, board: BoardId, name: &str, kind: Kind) -> Result<(), Fault> {
        match name.strip_prefix('@') {
            Some(rest) if rest.contains('@') => Err(fault(format!("`{name}`: more than one @"))),
            Some(rest) => self.create_in(0, rest, kind).map(|_| ()),
            None => self.create_in(board, name, kind).map(|_| ()),
        }
    }

    fn create_in(&mut self, board: BoardId, name: &str, kind: Kind) -> Result<EntryId, Fault> {
        let (mut board, mut name) = (board, Arc::<str>::from(name));
        loop {
            let here = self.board(board);
            if let Some(entry) = here.storage.get(&name) {
                agree(self.entry(*entry).kind, kind)?;
                return Ok(*entry);
            }
            let outer = match here.remaps.get(&name) {
                // As in BehaviorTree.CPP an `@` in the outer name has no meaning here.
                Some(outer) => Some(Arc::clone(outer)),
                None if here.autoremap && !name.starts_with('_') => Some(Arc::clone(&name)),
                None => None,
            };
            match outer.zip(here.parent) {
                Some((outer, parent)) => (board, name) = (parent, outer),
                None => return Ok(self.insert(board, name, kind)),
            }
        }
    }

    fn insert(&mut self, board: BoardId, name: Arc<str>, kind: Kind) -> EntryId {
        let entry = Entry { value: Value::Empty, kind, sequence: 0 };
        let id = match self.free.pop() {
            Some(id) => {
                *self.entry_mut(id) = entry;
                id
            }
            None => {
                self.entries.push(entry);
                u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.boards[board as usize].storage.insert(name, id);
        self.generation += 1;
        id
    }

    /// Writes a value that a node declares as `declared`; makes the entry where there is none.
    ///
    /// # Errors
    /// When the entry is of another type that the value does not fit.
    pub fn set(&mut self, board: BoardId, name: &str, value: Value, declared: Kind) -> Result<(), Fault> {
        let (board, name) = match name.strip_prefix('@') {
            Some(rest) => (0, rest.trim_start_matches('@')),
            None => (board, name),
        };
        match self.board(board).storage.get(name).copied() {
            Some(entry) => self.overwrite(entry, value, declared),
            None => {
                let id = self.create_in(board, name, new_kind(&value, declared))?;
                let entry = self.entry_mut(id);
                entry.value = value;
                entry.sequence += 1;
                Ok(())
            }
        }
    }

    /// Writes a value by its handle.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub(crate) fn set_key(&mut self, key: KeyRef, value: Value, declared: Kind) -> Result<(), Fault> {
        match self.resolve(key) {
            Some((entry, true)) => return self.overwrite(entry, value, declared),
            Some((id, false)) if !self.at_in_remaps => {
                let kind = new_kind(&value, declared);
                let entry = self.entry_mut(id);
                agree(entry.kind, kind)?;
                entry.value = value;
                entry.sequence += 1;
                return Ok(());
            }
            _ => {}
        }
        let known = &self.keys[key.0 as usize];
        let (board, name) = (known.board, Arc::clone(&known.name));
        self.set(board, &name, value, declared)
    }

    fn overwrite(&mut self, id: EntryId, value: Value, declared: Kind) -> Result<(), Fault> {
        let entry = self.entry_mut(id);
        if !entry.kind.is_strong() {
            entry.kind = declared;
            entry.value = value;
            entry.sequence += 1;
            return Ok(());
        }
        let mut value = value;
        if entry.kind != declared && entry.kind != value.kind() {
            let read = match (&value, declared) {
                (Value::Text(text), Kind::Text) if entry.kind.has_converter() => {
                    Some(entry.kind.parse(text)?)
                }
                _ => None,
            };
            match read {
                Some(read) => value = read,
                None if declared != Kind::Any && entry.kind.holds(&value) => {}
                None => {
                    let (old, new) = (entry.kind.name(), declared.name());
                    return Err(fault(format!("an entry was declared as {old} and can not be {new} now")));
                }
            }
        }
        if declared == Kind::Any {
            entry.value = value;
        } else {
            value.copy_into(&mut entry.value)?;
        }
        entry.sequence += 1;
        Ok(())
    }

    /// Takes an entry of this blackboard away, if it is there.
    pub(crate) fn unset(&mut self, board: BoardId, name: &str) {
        if let Some(id) = self.boards[board as usize].storage.remove(name) {
            self.free.push(id);
            self.generation += 1;
        }
    }

    /// The entries of one blackboard, by name.
    pub fn entries(&self, board: BoardId) -> impl Iterator<Item = (&str, &Entry)> {
        self.board(board).storage.iter().map(|(name, id)| (&**name, self.entry(*id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_remapped_means_the_parents_entry() {
        let mut boards = Blackboards::default();
        let inner = boards.add_board(0);
        boards.remap(inner, "target", "goal");
        assert_eq!(boards.set(inner, "target", Value::from(3), Kind::Int), Ok(()));
        assert!(boards.look(0, "goal").is_some());
        assert!(boards.look(0, "target").is_none());
    }

    #[test]
    fn autoremap_leaves_private_names_alone() {
        let mut boards = Blackboards::default();
        let inner = boards.add_board(0);
        boards.set_autoremap(inner, true);
        for name in ["a", "_a"] {
            assert_eq!(boards.set(inner, name, Value::from(3), Kind::Int), Ok(()));
        }
        assert!(boards.look(0, "a").is_some());
        assert!(boards.look(0, "_a").is_none());
        assert!(boards.look(inner, "_a").is_some());
    }

    #[test]
    fn a_name_with_at_is_the_roots() {
        let mut boards = Blackboards::default();
        let inner = boards.add_board(0);
        let deepest = boards.add_board(inner);
        assert_eq!(boards.set(deepest, "@a", Value::from(3), Kind::Int), Ok(()));
        assert!(boards.look(0, "a").is_some());
        assert!(boards.look(deepest, "a").is_none());
        assert!(boards.look(deepest, "@a").is_some());
        assert!(boards.create(deepest, "@a@b", Kind::Int).is_err());
    }

    #[test]
    fn an_entry_that_was_removed_is_found_no_more() {
        let mut boards = Blackboards::default();
        let key = boards.key(0, "a");
        assert!(boards.get(key).is_none());
        assert_eq!(boards.set(0, "a", Value::from(3), Kind::Int), Ok(()));
        assert!(boards.get(key).is_some());
        boards.unset(0, "a");
        assert!(boards.get(key).is_none());
    }

    #[test]
    fn a_declared_type_stays_and_safe_numbers_fit_into_it() {
        let mut boards = Blackboards::default();
        assert_eq!(boards.create(0, "a", Kind::Int), Ok(()));
        assert_eq!(boards.set(0, "a", Value::from(3), Kind::Int), Ok(()));
        assert_eq!(boards.set(0, "a", Value::from(4_i64), Kind::Int64), Ok(()));
        assert!(boards.set(0, "a", Value::from(1_i64 << 40), Kind::Int64).is_err());
        assert_eq!(boards.set(0, "a", Value::from("12"), Kind::Text), Ok(()));
        assert!(matches!(boards.look(0, "a").map(|e| &e.value), Some(Value::Int(12, _))));
        assert!(boards.create(0, "a", Kind::Text).is_err());
    }
}
