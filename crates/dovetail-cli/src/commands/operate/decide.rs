//! Deciding about dead letters: notes, edited copies, what does not matter and what does after all.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use dovetail_messaging::Chance;
use dovetail_messaging::dead_letter::{
    BODY_BYTES_MAX, Closed, Edit, EditError, Search, State, copy,
};
use dovetail_messaging::store::{LETTERS_MAX, Replays, Triage};
use serde_json::json;

use super::{Desk, failed, find, no_letter, nothing, shown};
use crate::args::operate;
use crate::exit::{Exit, Stop};

pub(super) async fn note<S: Triage>(
    desk: &Desk,
    store: &S,
    number: i64,
    text: &str,
) -> Result<Exit, Stop> {
    const LENGTH_MAX: usize = 4_096;
    if text.len() > LENGTH_MAX {
        return Err(Stop::usage(format!(
            "a note has {LENGTH_MAX} bytes at most"
        )));
    }
    let noted = store.annotate(number, text.to_owned(), desk.act()).await;
    if !noted.map_err(failed)? {
        return Err(no_letter(number));
    }
    desk.ui.message(&format!("dead letter {number}: noted"));
    Ok(Exit::Ok)
}

/// What is edited, but for the body.
pub(super) fn edited(asked: &operate::Edit) -> Result<Edit, Stop> {
    let set = asked.set.iter().map(|text| {
        // The text may hold a secret, so it is not repeated.
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| Stop::usage("`--set` takes `NAME=VALUE`"))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    Ok(Edit {
        body: None,
        set: set.collect::<Result<_, Stop>>()?,
        remove: asked.remove.clone(),
    })
}

pub(super) async fn edit<S: Triage>(
    desk: &Desk,
    store: &S,
    asked: &operate::Edit,
) -> Result<Exit, Stop> {
    let number = asked.number;
    let mut edit = edited(asked)?;
    edit.body = asked
        .body
        .as_deref()
        .map(read_body)
        .transpose()?
        .map(Into::into);
    let listed = store.letter(number).await.map_err(failed)?;
    let listed = listed.ok_or_else(|| no_letter(number))?;
    let letter = listed.letter;
    if letter.state != State::Open {
        return Err(closed(number, letter.state));
    }
    if let Some(problem) = &listed.problem {
        let problem = shown::line(problem);
        let error = anyhow::anyhow!(
            "dead letter {number} cannot be read, so nothing can be made of it: {problem}"
        );
        return Err(Stop::new(Exit::Refused, error));
    }
    let copy = copy(&letter, &edit, &Chance::from_entropy()).map_err(|error| {
        let exit = match error {
            EditError::Locked(_) => Exit::Refused,
            _ => Exit::Usage,
        };
        Stop::new(exit, error)
    })?;
    if !asked.yes {
        return Err(desk.unconfirmed(&format!(
            "this sends a copy of dead letter {number} with {} bytes to `{}`, and closes the original",
            copy.body.len(),
            shown::text(&letter.consumer)
        )));
    }
    let id = copy.id.clone().unwrap_or_default();
    match store
        .send_copy(number, copy, desk.act())
        .await
        .map_err(failed)?
    {
        Closed::Now => {}
        // Somebody else was faster.
        Closed::NotOpen => {
            let now = store.letter(number).await.map_err(failed)?;
            let state = now.map_or(State::Open, |listed| listed.letter.state);
            return Err(closed(number, state));
        }
        Closed::Unknown => return Err(no_letter(number)),
    }
    let human = format!("dead letter {number}: its copy is sent as {id}\n");
    desk.write(
        &human,
        &json!({ "schema": 1, "letter": number, "copy": id }),
    )?;
    Ok(Exit::Ok)
}

fn closed(number: i64, state: State) -> Stop {
    let word = if state == State::Open {
        "closed"
    } else {
        state.as_str()
    };
    nothing(format!("dead letter {number} is not open any more: {word}"))
}

fn read_body(path: &Path) -> Result<Vec<u8>, Stop> {
    let limit = u64::try_from(BODY_BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut body = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut body)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut body))
    };
    read.map_err(|error| Stop::usage(format!("cannot read `{}`: {error}", path.display())))?;
    Ok(body)
}

/// The open letters that are discarded.
pub(super) fn discarded(desk: &Desk, asked: &operate::Discard) -> Result<Search, Stop> {
    if !asked.all && !find::is_selecting(&asked.selecting, &asked.numbers) {
        return Err(Stop::usage(
            "say which dead letters: by their numbers, by flags such as `--consumer`, or `--all`",
        ));
    }
    let mut search = find::search(desk, &asked.selecting, &asked.numbers)?;
    search.selection.state = Some(State::Open);
    Ok(search)
}

pub(super) async fn discard<S: Triage>(
    desk: &Desk,
    store: &S,
    asked: &operate::Discard,
) -> Result<Exit, Stop> {
    let numbers = discarded(desk, asked)?
        .numbers(store)
        .await
        .map_err(failed)?;
    for number in asked
        .numbers
        .iter()
        .filter(|number| !numbers.contains(number))
    {
        desk.ui.always(&format!(
            "dead letter {number} is not among the open ones that match"
        ));
    }
    if numbers.is_empty() {
        return Err(nothing("no open dead letter matches"));
    }
    if !asked.yes {
        let what = format!("this discards {}", letters(numbers.len()));
        return Err(desk.unconfirmed(&what));
    }
    let mut done = Vec::new();
    for some in numbers.chunks(LETTERS_MAX) {
        let discarded = store.discard_all(some.to_vec(), desk.act()).await;
        done.extend(discarded.map_err(failed)?);
    }
    let human = format!("{} discarded\n", letters(done.len()));
    desk.write(&human, &json!({ "schema": 1, "discarded": done }))?;
    Ok(Exit::Ok)
}

pub(super) async fn restore<S: Triage>(
    desk: &Desk,
    store: &S,
    numbers: &[i64],
) -> Result<Exit, Stop> {
    let (mut opened, mut doubled, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
    for some in numbers.chunks(LETTERS_MAX) {
        let restored = store.restore_all(some.to_vec(), desk.act()).await;
        let restored = restored.map_err(failed)?;
        opened.extend(restored.opened);
        doubled.extend(restored.doubled);
        unfit.extend(restored.unfit);
    }
    let human = format!("{} open again\n", letters(opened.len()));
    let document = json!({ "schema": 1, "opened": opened, "doubled": doubled, "unfit": unfit });
    desk.write(&human, &document)?;
    for number in doubled {
        desk.ui.always(&format!(
            "dead letter {number} stays closed: another open one is of the same message"
        ));
    }
    for number in unfit {
        desk.ui.always(&format!(
            "dead letter {number} stays as it is: it is not there, not closed, was resolved by a copy, or a newer one of the same message is there"
        ));
    }
    if opened.is_empty() {
        return Err(nothing("no dead letter was opened"));
    }
    Ok(Exit::Ok)
}

/// How long ago letters were closed that are forgotten.
pub(super) fn purged(desk: &Desk, asked: &operate::Purge) -> Result<Duration, Stop> {
    let older_than = find::duration("--older-than", &asked.older_than)?;
    if desk.now().checked_sub(older_than).is_none() {
        return Err(Stop::usage("`--older-than` goes back beyond all clocks"));
    }
    Ok(older_than)
}

pub(super) async fn purge<S: Replays>(
    desk: &Desk,
    store: &S,
    asked: &operate::Purge,
) -> Result<Exit, Stop> {
    const BATCH: u32 = 1_000;
    let now = desk.now();
    let before = now.checked_sub(purged(desk, asked)?).unwrap_or(now);
    if !asked.yes {
        let what = format!(
            "this forgets dead letters that were closed before {}",
            shown::instant(before)
        );
        return Err(desk.unconfirmed(&what));
    }
    let (mut letters, mut jobs) = (0_u64, 0_u64);
    // Jobs first: they hold on to their letters.
    loop {
        let count = store
            .forget_replays(before, BATCH, desk.act())
            .await
            .map_err(failed)?;
        jobs += u64::from(count);
        if count < BATCH {
            break;
        }
    }
    loop {
        let count = store
            .purge(before, BATCH, desk.act())
            .await
            .map_err(failed)?;
        letters += u64::from(count);
        if count < BATCH {
            break;
        }
    }
    let human = format!("{letters} dead letters and {jobs} replays forgotten\n");
    desk.write(
        &human,
        &json!({ "schema": 1, "letters": letters, "replays": jobs }),
    )?;
    Ok(Exit::Ok)
}

/// So many dead letters, in words.
pub(super) fn letters(count: usize) -> String {
    match count {
        1 => "1 dead letter".to_owned(),
        count => format!("{count} dead letters"),
    }
}
