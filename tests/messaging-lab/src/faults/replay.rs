//! F12: dead letters are sent again at a rate, by two operators that are killed again and again, and paused, while others come in.

mod judge;

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use dovetail_messaging::{
    dead_letter::{Act, Burial, Reason},
    replay::{Job, Turn},
    store::{Replays as _, Store as _},
    transport::{Channel, Kind as ChannelKind, Transport as _},
};
use dovetail_resilience::{Chance, Clock};
use tokio::task::JoinSet;

use self::judge::{Facts, Pace, judge};
use super::{
    Size,
    process::{End, Process},
};
use crate::{
    child::{RATE, STOP, block_on, broker, started},
    common::{Watch, below},
    ground::{Ground, Home},
    naive::Kind,
    report::{Control, Said},
    tally::Tally,
    work::{MAIL, ORDERS, ids, order, subscription, tally},
};

const KEYS: usize = 100;
/// Letters that come when the replay has been started.
const LATE: usize = 50;
const OPERATORS: [&str; 2] = ["ada", "bob"];
/// How long nobody resumes what was paused.
const PAUSE: Duration = Duration::from_secs(3);
/// How long an operator runs that is to be killed at a step, and how long it takes to start.
const STEPS_TIME_MAX: Duration = Duration::from_secs(10);

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let (letters, crashes) = size.of((100_000, 50), (2_000, 6));
    // A short time says less: what a replay may catch up on at once is a good part of it.
    let pace = Pace {
        window: Duration::from_secs(size.of(10, 3)),
        off_max: size.of(0.05, 0.1),
        skipped: Duration::from_millis(size.of(0, 300)),
    };
    let facts = replay::<G>(letters, crashes)?;
    let mut judged = judge(&facts, letters, LATE, &pace);
    if facts.crashes < crashes {
        let crashed = facts.crashes;
        judged
            .broken
            .push(format!("only {crashed} of {crashes} operators were killed"));
    }
    let (control, paced) = naive::<G>(40)?;
    let mut control = Control::new("send, then note it; and wait 1/rate after each", control);
    if (paced - f64::from(RATE)).abs() <= f64::from(RATE) * 0.05 {
        judged
            .broken
            .push("the control that sleeps keeps the rate".to_owned());
    }
    control.broken.push(format!("{paced:.0}/s"));
    if control.tally.doubled == 0 {
        judged
            .broken
            .push("the control that notes too late sends nothing twice".to_owned());
    }
    Ok(Said {
        size: format!(
            "{letters} letters of {KEYS} keys at {RATE}/s by 2 operators, {} of them killed: {}",
            facts.crashes, judged.said
        ),
        tally: judged.tally,
        broken: judged.broken,
        control,
    })
}

/// Runs the replay through all of it, and gathers what came of it.
fn replay<G: Ground>(letters: usize, crashes: usize) -> Result<Facts> {
    let folder = Home::<G>::new()?;
    let ground = block_on(prepare::<G>(folder.path(), letters))?;
    let time = Duration::from_secs(letters as u64 / u64::from(RATE));
    let patience = time * 2 + Duration::from_secs(120);
    let drain = start::<G>(folder.path(), &["drain".to_owned()], patience)?;
    let mut operators = Vec::new();
    for who in OPERATORS {
        operators.push(start::<G>(folder.path(), &task(who, None, None), patience)?);
    }
    let words = wait_for_words(folder.path())?;
    let job = block_on(async {
        // Whatever comes now is not part of it.
        bury(&ground, letters, letters + LATE).await?;
        find_job(&ground).await
    })?;
    let mut operated = Operated {
        folder: folder.path(),
        operators,
        job: job.number,
        patience,
        crashes: 0,
        broken: Vec::new(),
    };
    let chance = Chance::seeded(12);
    let rounds = crashes.div_ceil(2);
    // All of it has to happen while letters are sent.
    let gap = time.mul_f64(0.6) / u32::try_from(rounds)?;
    let mut paused = None;
    for round in 0..rounds {
        std::thread::sleep(gap / 2 + Duration::from_millis(below(&chance, 200)));
        operated.crash::<G>(round % OPERATORS.len(), 1 + below(&chance, 5))?;
        if round == rounds / 2 {
            paused = Some(operated.pause::<G>(&ground)?);
        }
    }
    let job = operated.finish(&ground)?;
    std::fs::write(folder.path().join(STOP), "")?;
    let Operated {
        crashes, broken, ..
    } = operated;
    let mut broken = broken;
    broken.extend(drain.wait()?.unless_done("the service"));
    block_on(async {
        Ok(Facts {
            tally: tally(MAIL, &ids(letters), &ground.effects().await?),
            outbox: ground.outbox().await?,
            sent: ground.sent(job.number).await?,
            open: ground.open_letters().await?,
            job,
            words,
            paused: paused.context("nobody paused it")?,
            crashes,
            broken,
        })
    })
}

fn start<G: Ground>(folder: &Path, task: &[String], patience: Duration) -> Result<Process> {
    Ok(Process::start(folder, G::NAME, None, task)?.patiently(patience))
}

/// What an operator is to do: start a replay, or go on with one, and die after so many steps.
fn task(who: &str, job: Option<i64>, steps: Option<u64>) -> Vec<String> {
    let mut task = vec!["replay".to_owned(), format!("--who={who}")];
    task.extend(job.map(|job| format!("--job={job}")));
    if let Some(steps) = steps {
        task.extend(["--kill-at=stepped".to_owned(), format!("--nth={steps}")]);
    }
    task
}

async fn prepare<G: Ground>(folder: &Path, letters: usize) -> Result<G> {
    let broker = broker(folder, Clock::system())?;
    let channel = Channel::new(ORDERS, ChannelKind::Topic);
    broker.declare(&channel).await?;
    broker.subscribe(&subscription(ORDERS, MAIL)).await?;
    let ground = G::open(folder).await?;
    bury(&ground, 0, letters).await?;
    Ok(ground)
}

/// Makes dead letters of messages, each key in its order.
async fn bury<G: Ground>(ground: &G, from: usize, to: usize) -> Result<()> {
    const LANES: usize = 10;
    let now = Clock::system().wall();
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let store = ground.store().clone();
        lanes.spawn(async move {
            for number in (from..to).filter(|number| number % KEYS % LANES == lane) {
                let burial = Burial {
                    consumer: MAIL.to_owned(),
                    message: order(number, KEYS),
                    reason: Reason::RetriesExhausted,
                    detail: "it failed".to_owned(),
                    contract: None,
                    at: now,
                };
                store.bury(burial, None).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane??;
    }
    Ok(())
}

/// What starting the same came to for each of them.
fn wait_for_words(folder: &Path) -> Result<Vec<String>> {
    let watch = Watch::start();
    loop {
        let words = OPERATORS.map(|who| std::fs::read_to_string(folder.join(started(who))).ok());
        if words.iter().all(Option::is_some) {
            return Ok(words.into_iter().flatten().collect());
        }
        ensure!(
            watch.elapsed() < STEPS_TIME_MAX * 6,
            "nobody started a replay"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

async fn find_job<G: Ground>(ground: &G) -> Result<Job> {
    let jobs = ground.store().replay_jobs(i64::MAX, 10).await?;
    ensure!(jobs.len() == 1, "there are {} replays", jobs.len());
    jobs.into_iter().next().context("there is no replay")
}

/// The operators at work.
struct Operated<'f> {
    folder: &'f Path,
    operators: Vec<Process>,
    job: i64,
    patience: Duration,
    crashes: usize,
    broken: Vec<String>,
}

impl Operated<'_> {
    fn start<G: Ground>(&self, place: usize, steps: Option<u64>) -> Result<Process> {
        let who = OPERATORS.get(place).context("there is no such operator")?;
        start::<G>(
            self.folder,
            &task(who, Some(self.job), steps),
            self.patience,
        )
    }

    fn replace(&mut self, place: usize, process: Process) -> Result<Process> {
        let operator = self.operators.get_mut(place);
        let operator = operator.context("there is no such operator")?;
        Ok(std::mem::replace(operator, process))
    }

    /// Kills one operator wherever it is, and the one after it once it has made so many steps.
    fn crash<G: Ground>(&mut self, place: usize, steps: u64) -> Result<()> {
        let next = self.start::<G>(place, Some(steps))?;
        let mut killed = self.replace(place, next)?;
        killed.kill()?;
        self.crashes += usize::from(killed.wait()? == End::Killed);
        let next = self.start::<G>(place, None)?;
        let mut dying = self.replace(place, next)?;
        dying.wait_for(STEPS_TIME_MAX)?;
        let end = dying.patiently(Duration::ZERO).wait()?;
        self.crashes += usize::from(end == End::Killed);
        Ok(())
    }

    /// Pauses the replay for a while. Returns when it was paused and when it was resumed.
    fn pause<G: Ground>(&mut self, ground: &G) -> Result<(SystemTime, SystemTime)> {
        let clock = Clock::system();
        let turn = |turn| {
            let act = Act {
                who: "eve".to_owned(),
                at: clock.wall(),
            };
            block_on(async { Ok(ground.store().turn(self.job, turn, act).await?) })
        };
        let paused = clock.wall();
        ensure!(turn(Turn::Pause)?, "a replay was not paused");
        std::thread::sleep(PAUSE);
        let resumed = clock.wall();
        ensure!(turn(Turn::Resume)?, "a replay was not resumed");
        for place in 0..self.operators.len() {
            let next = self.start::<G>(place, None)?;
            let mut before = self.replace(place, next)?;
            // Whoever ran it sees that it is paused.
            if !before.wait_for(Duration::from_millis(1))? {
                self.broken
                    .push("an operator goes on with what was paused".to_owned());
                before.kill()?;
            }
        }
        Ok((paused, resumed))
    }

    /// Waits until the replay is over.
    fn finish<G: Ground>(&mut self, ground: &G) -> Result<Job> {
        for (process, who) in self.operators.drain(..).zip(OPERATORS) {
            self.broken.extend(process.wait()?.unless_done(who));
        }
        let job = block_on(async { Ok(ground.store().replay_job(self.job).await?) })?;
        job.context("the replay is gone")
    }
}

/// The controls: what was sent by an operator that notes it afterwards and is killed, and how many were sent in a second by one that sleeps.
fn naive<G: Ground>(letters: usize) -> Result<(Tally, f64)> {
    let folder = Home::<G>::new()?;
    let ground = block_on(prepare::<G>(folder.path(), letters))?;
    for nth in [3, 7, 5] {
        let task = [
            "replay".to_owned(),
            "--who=ada".to_owned(),
            "--kill-at=half-done".to_owned(),
            format!("--nth={nth}"),
        ];
        Process::start(folder.path(), G::NAME, Some(Kind::CheckFirst), &task)?.wait()?;
    }
    let task = ["replay".to_owned(), "--who=ada".to_owned()];
    Process::start(folder.path(), G::NAME, Some(Kind::CheckFirst), &task)?.wait()?;
    block_on(async {
        let sent = tally(MAIL, &ids(letters), &ground.effects().await?);
        let clock = Clock::system();
        let watch = Watch::start();
        let count = 2 * RATE;
        for number in 0..count {
            ground.note(&format!("paced {number}")).await?;
            clock.sleep(Duration::from_secs(1) / RATE).await;
        }
        Ok((
            sent.without_order(),
            f64::from(count) / watch.elapsed().as_secs_f64(),
        ))
    })
}
