//! The picture that a viewer or a capture has received so far, shared with the thread that reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::picture::Picture;
use crate::wait::wait_until;

/// A picture that a thread keeps up to date.
#[derive(Clone, Debug, Default)]
pub struct Screen(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    picture: Option<Picture>,
    updates: u64,
    ended: Option<String>,
    /// All pictures that came since somebody asked for them.
    film: Option<Vec<Picture>>,
    /// How many pictures came since somebody asked, and how many of them were of one colour.
    tally: (u64, u64),
}

/// More pictures are not kept: those that are equal to the one before count once.
const LONGEST_FILM: usize = 200;

impl Screen {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The picture as it is now, if one has come.
    #[must_use]
    pub fn picture(&self) -> Option<Picture> {
        self.lock().picture.clone()
    }

    /// How many updates have come.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.lock().updates
    }

    /// Puts a new picture in the place of the last.
    pub fn replace(&self, picture: Picture) {
        let mut state = self.lock();
        if let Some(film) = &mut state.film
            && film.last() != Some(&picture)
            && film.len() < LONGEST_FILM
        {
            film.push(picture.clone());
        }
        state.tally.0 += 1;
        state.tally.1 += u64::from(picture.is_of_one_colour());
        state.picture = Some(picture);
        state.updates += 1;
    }

    /// How many pictures have come since this was last asked, and how many of them were of one colour.
    #[must_use]
    pub fn take_tally(&self) -> (u64, u64) {
        std::mem::take(&mut self.lock().tally)
    }

    /// Keeps all pictures that are put here from now on.
    pub fn start_film(&self) {
        let mut state = self.lock();
        state.film = Some(state.picture.clone().into_iter().collect());
    }

    /// The pictures that came since the film was started, each that differs from the one before.
    #[must_use]
    pub fn take_film(&self) -> Vec<Picture> {
        self.lock().film.take().unwrap_or_default()
    }

    /// Changes the picture, if one has come.
    pub fn change(&self, change: impl FnOnce(&mut Picture)) {
        let mut state = self.lock();
        if let Some(picture) = &mut state.picture {
            change(picture);
        }
        state.updates += 1;
    }

    /// Says that nothing more will come, and why.
    pub fn end(&self, reason: impl Into<String>) {
        self.lock().ended = Some(reason.into());
    }

    /// Why nothing more comes, if so.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.lock().ended.clone()
    }

    /// Waits until the picture is as it should be.
    ///
    /// # Errors
    /// When it is not before the deadline, or nothing more comes; the pictures are then beside the
    /// build under `name`.
    pub fn expect(&self, name: &str, expected: &Picture, deadline: Duration) -> Result<()> {
        let seen = wait_until(name, deadline, || {
            let state = self.lock();
            let same = state.picture.as_ref() == Some(expected);
            match &state.ended {
                _ if same => Ok(Some(())),
                Some(reason) => Err(Failure::new(format!("{name}: cut off: {reason}"))),
                None => Ok(None),
            }
        });
        let Err(error) = seen else { return Ok(()) };
        let Some(picture) = self.picture() else {
            return Err(Failure::new(format!("{error}; no picture came at all")));
        };
        let folder = picture.write_comparison(expected, name)?;
        let difference = picture.difference(expected);
        Err(Failure::new(format!(
            "{error}; {difference:?}, {picture:?} instead of {expected:?}, see {}",
            folder.display()
        )))
    }
}
