//! What CI runs, step by step, the same everywhere.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::process::{self, cargo, run as run_program};
use crate::{corpus, faults, layers, roundtrip, tidy, wire};

/// Runs what CI runs.
#[derive(Debug, Args)]
pub(crate) struct Ci {
    /// Leaves a step out; may be repeated
    #[arg(long, value_enum)]
    except: Vec<Step>,
}

/// A step of CI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    Format,
    Clippy,
    Tidy,
    Layers,
    Generated,
    Test,
    Wire,
    Faults,
    Bugs,
    Real,
    Docs,
    Package,
}

const STEPS: [Step; 12] = [
    Step::Format,
    Step::Clippy,
    Step::Tidy,
    Step::Layers,
    Step::Generated,
    Step::Test,
    Step::Wire,
    Step::Faults,
    Step::Bugs,
    Step::Real,
    Step::Docs,
    Step::Package,
];

/// Runs every step, and says at the end which ones failed.
pub(crate) fn run(asked: &Ci) -> Result<()> {
    let mut failed = Vec::new();
    for step in STEPS
        .into_iter()
        .filter(|step| !asked.except.contains(step))
    {
        process::say(&format!("==> {step:?}"));
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a step of CI took is for people to read"
        )]
        let started = Instant::now();
        if let Err(error) = run_step(step) {
            process::say(&format!("error: {error:#}"));
            failed.push(format!("{step:?}"));
        }
        process::say(&format!(
            "<== {step:?}, {:.0} s",
            started.elapsed().as_secs_f64()
        ));
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Runs every test.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Runs the tests of every broker and database instead, beside those that the environment names. `cargo xtask services` starts them
    #[arg(long)]
    brokers: bool,
}

/// What is built of the crate whose brokers take minutes to compile: what is embedded, and what is light.
const LIGHT: [&str; 4] = ["-p", "dovetail-messaging", "--features", "postgres"];
const ALL_BROKERS: [&str; 3] = ["-p", "dovetail-messaging", "--all-features"];
/// Tests at brokers wait far more than they work.
const WAITING: [&str; 2] = ["--test-threads", "4"];
const OTHERS: [&str; 4] = [
    "--workspace",
    "--all-features",
    "--exclude",
    "dovetail-messaging",
];

/// Runs the tests that were asked for.
pub(crate) fn test(asked: &Test) -> Result<()> {
    if asked.brokers {
        return run_tests(&ALL_BROKERS, &WAITING);
    }
    run_tests(&OTHERS, &[])?;
    run_tests(&LIGHT, &[])?;
    let docs = ["test", "--doc", "--quiet"];
    run_program(cargo().args(docs).args(OTHERS))?;
    run_program(cargo().args(docs).args(LIGHT))
}

fn run_tests(of: &[&str], how: &[&str]) -> Result<()> {
    let nextest = cargo().args(["nextest", "--version"]).output();
    if nextest.is_ok_and(|output| output.status.success()) {
        run_program(cargo().args(["nextest", "run"]).args(of).args(how))
    } else {
        let tests = ["test", "--all-targets"];
        run_program(cargo().args(tests).args(of).arg("--").args(how))
    }
}

fn run_step(step: Step) -> Result<()> {
    match step {
        Step::Format => run_program(cargo().args(["fmt", "--all", "--check"])),
        Step::Clippy => clippy(),
        Step::Tidy => tidy::run(),
        Step::Layers => layers::run(),
        Step::Generated => generated(),
        Step::Test => test(&Test { brokers: false }),
        Step::Wire => wire::run(),
        Step::Faults => faults::run(&faults::Faults::small()),
        Step::Bugs => faults::run(&faults::Faults::bugs()),
        Step::Real => real(),
        Step::Docs => run_program(cargo().env("RUSTDOCFLAGS", "-D warnings").args([
            "doc",
            "--workspace",
            "--no-deps",
            "--all-features",
            "--quiet",
        ])),
        Step::Package => package(),
    }
}

/// Real documents become crates, a few of them compile, and what is drawn from their schemas comes through their types unharmed. The whole
/// of it takes far longer: `corpus --compile` and `roundtrip` without `--only`.
fn real() -> Result<()> {
    const COMPILED: [&str; 4] = ["fastapi", "petstorev3", "train-travel", "burgershop"];
    let documents = corpus::real_documents();
    if !documents.is_dir() {
        let must = std::env::var_os("DOVETAIL_REQUIRE_SHARED").is_some();
        if must {
            bail!(
                "there are no real documents under DOVETAIL_SHARED, and they must not be skipped"
            );
        }
        process::say("skipped: there are no real documents under DOVETAIL_SHARED");
        return Ok(());
    }
    let only = COMPILED.map(str::to_owned).to_vec();
    corpus::run(&corpus::Corpus::generated(documents.clone()))?;
    corpus::run(&corpus::Corpus::compiled(documents, only.clone()))?;
    roundtrip::run(&roundtrip::Roundtrip::of(only))
}

/// Every crate that is meant for others can be packaged with all that it needs, the linked templates among it.
///
/// Cargo's own verification is left out: it keeps what it once unpacked of a version, and so builds yesterday's crates
/// wherever a version did not change since.
fn package() -> Result<()> {
    let mut command = cargo();
    command.args(["package", "--quiet", "--allow-dirty", "--no-verify"]);
    for name in layers::published_packages()? {
        command.args(["-p", &name]);
    }
    run_program(&mut command)
}

/// Our own code under the lints of the manifest; generated code under far stricter ones, since it is what others read.
fn clippy() -> Result<()> {
    let own = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    run_program(cargo().args(own))?;
    let generated = layers::generated_packages(&layers::GENERATED)?;
    let mut command = cargo();
    command.args(["clippy", "--quiet", "--no-deps"]);
    for name in &generated {
        command.args(["-p", name]);
    }
    let strict = [
        "warnings",
        "missing_docs",
        "missing_debug_implementations",
        "unreachable_pub",
        "clippy::all",
        "clippy::pedantic",
    ];
    command.arg("--");
    for lint in strict {
        command.args(["-D", lint]);
    }
    run_program(&mut command)
}

/// The folders of contracts whose crates are committed: the sample system, and what exists for the generator's sake.
const CONTRACTS: [&str; 2] = [".", "tests/golden"];

/// Generated code is what the contracts say.
fn generated() -> Result<()> {
    for folder in CONTRACTS {
        let path = process::root().join(folder);
        let path = path
            .to_str()
            .context("the path of the repository is not UTF-8")?;
        let exit = dovetail_cli::run(["dovetail", "-C", path, "codegen", "--check"]);
        if exit != dovetail_cli::Exit::Ok {
            bail!(
                "`cargo xtask -C {folder} codegen --check` exits {}",
                exit.code()
            );
        }
    }
    Ok(())
}
