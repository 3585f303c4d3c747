//! The book of one action: its goals, how they stand, and who waits for a result. Knows nothing of ROS.
//!
//! r2r's own action server is not used: it takes a goal out of its book when its cancellation is accepted, so that the result can no
//! longer be sent, gives all goals the time zero, and panics where a client has gone. An action is three services and two topics;
//! with a book they are all that is needed.

use outrider_foundation::Stamp;
use outrider_foundation::data::MissionId;
use outrider_msgs::outrider_msgs::MissionState;
use std::collections::VecDeque;

/// Ended goals whose results are kept.
pub(super) const RESULT_LIMIT: usize = 32;
/// Calls that wait for the result of one goal. One more is answered that the goal is not known, which clients take for its end: a
/// call that waits was taken, and is never answered so.
pub(super) const WAIT_LIMIT: usize = 16;

/// A status of `action_msgs/GoalStatus`.
pub(super) mod status {
    pub const UNKNOWN: i8 = 0;
    pub const EXECUTING: i8 = 2;
    pub const CANCELING: i8 = 3;
    pub const SUCCEEDED: i8 = 4;
    pub const CANCELED: i8 = 5;
    pub const ABORTED: i8 = 6;
}

/// A return code of `action_msgs/CancelGoal`.
pub(super) mod cancel {
    pub const NONE: i8 = 0;
    pub const REJECTED: i8 = 1;
    pub const UNKNOWN_GOAL_ID: i8 = 2;
    pub const GOAL_TERMINATED: i8 = 3;
}

/// One goal. `G`: what was asked for, `C`: a call that waits.
pub(super) struct Entry<G, C> {
    pub id: MissionId,
    /// When it was accepted.
    pub stamp: Stamp,
    pub goal: G,
    pub status: i8,
    /// The last state, once it has ended.
    pub end: Option<MissionState>,
    waiting: VecDeque<C>,
}

/// The goals of one action, the oldest first.
pub(super) struct Book<G, C> {
    entries: VecDeque<Entry<G, C>>,
}

/// What to do with a call for a result.
pub(super) enum Answer<'a, G, C> {
    /// It waits.
    Later,
    /// It is answered with the end of this goal.
    Now(C, &'a Entry<G, C>),
    /// Nothing is known of it.
    Unknown(C),
    /// As [`Self::Unknown`]: too many wait already.
    TooMany(C),
}

const fn status_of(state: &MissionState) -> i8 {
    match state.status {
        MissionState::STOPPING => status::CANCELING,
        MissionState::SUCCEEDED => status::SUCCEEDED,
        MissionState::CANCELED => status::CANCELED,
        MissionState::ABORTED => status::ABORTED,
        _ => status::EXECUTING,
    }
}

impl<G, C> Book<G, C> {
    pub(super) const fn new() -> Self {
        Self { entries: VecDeque::new() }
    }

    pub(super) fn has(&self, id: &MissionId) -> bool {
        self.entries.iter().any(|entry| entry.id == *id)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<G, C>> {
        self.entries.iter()
    }

    /// A goal was accepted. The oldest that has ended makes room.
    pub(super) fn accept(&mut self, id: MissionId, stamp: Stamp, goal: G) {
        let ended = self.entries.iter().filter(|entry| entry.end.is_some()).count();
        if ended >= RESULT_LIMIT
            && let Some(oldest) = self.entries.iter().position(|entry| entry.end.is_some())
        {
            self.entries.remove(oldest);
        }
        let status = status::EXECUTING;
        self.entries.push_back(Entry { id, stamp, goal, status, end: None, waiting: VecDeque::new() });
    }

    /// How a goal stands. Gives its entry, whether the status has changed, and the calls that are to be answered now.
    pub(super) fn note(&mut self, state: &MissionState) -> Option<(&Entry<G, C>, bool, VecDeque<C>)> {
        let open = |entry: &&mut Entry<G, C>| entry.id == state.mission_id && entry.end.is_none();
        let entry = self.entries.iter_mut().find(open)?;
        let status = status_of(state);
        let changed = std::mem::replace(&mut entry.status, status) != status;
        let mut answered = VecDeque::new();
        if status >= status::SUCCEEDED {
            entry.end = Some(state.clone());
            answered = std::mem::take(&mut entry.waiting);
        }
        Some((entry, changed, answered))
    }

    /// A call for a result.
    pub(super) fn result(&mut self, id: &MissionId, call: C) -> Answer<'_, G, C> {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == *id) else {
            return Answer::Unknown(call);
        };
        if entry.end.is_some() {
            return Answer::Now(call, entry);
        }
        if entry.waiting.len() >= WAIT_LIMIT {
            return Answer::TooMany(call);
        }
        entry.waiting.push_back(call);
        Answer::Later
    }

    /// The goals that a call to cancel means: that of the id, those accepted until the time, both; all when neither is given.
    ///
    /// # Errors
    /// A code of [`cancel`] when there is none to be cancelled.
    pub(super) fn to_cancel(&self, id: &MissionId, until: Stamp) -> Result<Vec<MissionId>, i8> {
        let (any_id, any_time) = (*id == MissionId::default(), until == Stamp::default());
        let meant = |entry: &&Entry<G, C>| match (any_id, any_time) {
            (true, true) => true,
            (true, false) => entry.stamp <= until,
            (false, true) => entry.id == *id,
            (false, false) => entry.id == *id || entry.stamp <= until,
        };
        let open = self.entries.iter().filter(meant).filter(|entry| entry.end.is_none());
        let ids: Vec<MissionId> = open.map(|entry| entry.id).collect();
        match ids.is_empty() {
            false => Ok(ids),
            true if any_id => Err(cancel::NONE),
            true if self.has(id) => Err(cancel::GOAL_TERMINATED),
            true => Err(cancel::UNKNOWN_GOAL_ID),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(id: u8, status: u8) -> MissionState {
        MissionState { mission_id: [id; 16], status, ..MissionState::default() }
    }

    fn at(ns: i64) -> Stamp {
        Stamp::from_nanos(ns)
    }

    fn book(ids: &[u8]) -> Book<(), u32> {
        let mut book = Book::new();
        ids.iter().for_each(|id| book.accept([*id; 16], at(i64::from(*id)), ()));
        book
    }

    #[test]
    fn who_asks_early_waits_and_who_asks_late_is_answered_at_once() {
        let mut book = book(&[1]);
        assert!(matches!(book.result(&[1; 16], 10), Answer::Later));
        assert!(matches!(book.result(&[9; 16], 11), Answer::Unknown(11)));
        let (entry, changed, answered) = book.note(&state(1, MissionState::DRIVING)).unwrap();
        assert_eq!((entry.status, changed, answered), (status::EXECUTING, false, [].into()));
        let (_, changed, _) = book.note(&state(1, MissionState::STOPPING)).unwrap();
        assert!(changed);
        let (entry, changed, answered) = book.note(&state(1, MissionState::CANCELED)).unwrap();
        assert_eq!((entry.status, changed, answered), (status::CANCELED, true, [10].into()));
        assert!(
            matches!(book.result(&[1; 16], 12), Answer::Now(12, entry) if entry.status == status::CANCELED)
        );
        // What has ended does not change any more.
        assert!(book.note(&state(1, MissionState::DRIVING)).is_none());
        assert!(book.note(&state(2, MissionState::DRIVING)).is_none());
    }

    #[test]
    fn waiting_calls_and_kept_results_have_a_limit() {
        let mut book = book(&[0xff]);
        for call in 0..WAIT_LIMIT as u32 {
            assert!(matches!(book.result(&[0xff; 16], call), Answer::Later));
        }
        // Whoever was told to wait is not told before the end that there is nothing.
        assert!(matches!(book.result(&[0xff; 16], 99), Answer::TooMany(99)));
        for id in 1..=RESULT_LIMIT as u8 + 1 {
            book.accept([id; 16], at(1), ());
            book.note(&state(id, MissionState::SUCCEEDED)).unwrap();
        }
        // The one under way stays, the oldest that has ended is gone.
        assert!(book.has(&[0xff; 16]) && !book.has(&[1; 16]) && book.has(&[2; 16]));
        assert_eq!(book.entries().count(), RESULT_LIMIT + 1);
        let (_, _, answered) = book.note(&state(0xff, MissionState::SUCCEEDED)).unwrap();
        assert_eq!(answered, (0..WAIT_LIMIT as u32).collect::<VecDeque<u32>>());
    }

    #[test]
    fn a_call_to_cancel_means_goals_by_id_and_by_time() {
        let mut book = book(&[1, 2, 3]);
        let all = MissionId::default();
        assert_eq!(book.to_cancel(&all, at(0)), Ok(vec![[1; 16], [2; 16], [3; 16]]));
        assert_eq!(book.to_cancel(&all, at(2)), Ok(vec![[1; 16], [2; 16]]));
        assert_eq!(book.to_cancel(&[3; 16], at(0)), Ok(vec![[3; 16]]));
        assert_eq!(book.to_cancel(&[3; 16], at(1)), Ok(vec![[1; 16], [3; 16]]));
        assert_eq!(book.to_cancel(&[9; 16], at(0)), Err(cancel::UNKNOWN_GOAL_ID));
        book.note(&state(3, MissionState::ABORTED)).unwrap();
        assert_eq!(book.to_cancel(&[3; 16], at(0)), Err(cancel::GOAL_TERMINATED));
        assert_eq!(self::book(&[]).to_cancel(&all, at(0)), Err(cancel::NONE));
    }
}
