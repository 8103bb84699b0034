//! What is done on a node, in order: a pure function of intent and place.
//! [`super::executor::Executor`] does it.

use std::time::Duration;

use super::files;
use super::installation::Installation;
use super::script::Script;
use crate::secret::Secret;

/// What is uploaded.
pub enum Content<'a> {
    /// Not secret, and not worth showing.
    Spider(&'a [u8]),
    Text(String),
    Secret(Secret),
}

impl Content<'_> {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Spider(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
            Self::Secret(text) => text.expose().as_bytes(),
        }
    }
}

pub enum Act<'a> {
    /// As root, where the place needs it.
    Run(Script, Vec<String>),
    /// As the login: makes the folder for uploads.
    MakeStage(String),
    /// As the login: clears such folders away that were left in these.
    ClearStages(Vec<String>),
    /// As the login.
    Upload(String, Content<'a>),
}

pub struct Action<'a> {
    /// Actions with one name in a row are one step.
    pub step: &'static str,
    pub act: Act<'a>,
    pub time: Duration,
}

const SHORT: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(90);
const UPLOAD: Duration = Duration::from_secs(600);

/// What is put on the node.
pub struct Install<'a> {
    pub place: &'a Installation,
    /// A folder of the login's own, with a random name.
    pub stage: &'a str,
    pub spider: &'a [u8],
    pub sha256: &'a str,
    pub server_url: &'a str,
    pub pin: Option<&'a str>,
    pub token: &'a Secret,
}

pub fn install<'a>(with: &Install<'a>) -> Vec<Action<'a>> {
    let stage = with.stage;
    let config = files::config(with.server_url, with.pin, with.token);
    vec![
        run("prepare", Script::Prepare, &[], SHORT),
        make_stage("upload", stage),
        upload(stage, "spider", Content::Spider(with.spider)),
        upload(stage, "config", Content::Secret(config)),
        upload(stage, "unit", Content::Text(files::unit(with.place))),
        run("install", Script::Install, &[stage, with.sha256], LONG),
        run("start", Script::Start, &[], LONG),
    ]
}

pub fn upgrade<'a>(stage: &str, spider: &'a [u8], sha256: &str, seconds: u64) -> Vec<Action<'a>> {
    let guard = Script::Guard.text();
    vec![
        make_stage("upload", stage),
        upload(stage, "spider", Content::Spider(spider)),
        upload(stage, "guard", Content::Text(guard.into())),
        run(
            "switch",
            Script::Switch,
            &[stage, sha256, &seconds.to_string()],
            LONG,
        ),
    ]
}

pub fn replace_config<'a>(
    stage: &str,
    server_url: &str,
    pin: Option<&str>,
    token: &Secret,
) -> Vec<Action<'a>> {
    let config = files::config(server_url, pin, token);
    vec![
        make_stage("upload", stage),
        upload(stage, "config", Content::Secret(config)),
        run("start", Script::ReplaceConfig, &[stage], LONG),
    ]
}

pub fn stop<'a>() -> Vec<Action<'a>> {
    vec![run("stop", Script::Stop, &[], LONG)]
}

/// `stages` are the folders that uploads may have gone to, but for the Spider's own.
pub fn delete<'a>(stages: Vec<String>) -> Vec<Action<'a>> {
    let clear = (!stages.is_empty()).then_some(Action {
        step: "delete",
        act: Act::ClearStages(stages),
        time: SHORT,
    });
    let remove = run("delete", Script::Remove, &[], LONG);
    clear.into_iter().chain([remove]).collect()
}

fn run<'a>(step: &'static str, script: Script, arguments: &[&str], time: Duration) -> Action<'a> {
    let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
    Action {
        step,
        act: Act::Run(script, arguments),
        time,
    }
}

fn make_stage<'a>(step: &'static str, stage: &str) -> Action<'a> {
    Action {
        step,
        act: Act::MakeStage(stage.to_owned()),
        time: SHORT,
    }
}

fn upload<'a>(stage: &str, name: &str, content: Content<'a>) -> Action<'a> {
    Action {
        step: "upload",
        act: Act::Upload(format!("{stage}/{name}"), content),
        time: UPLOAD,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::installation::Method;
    use super::*;

    /// A plan as text; secrets are left out as they are everywhere.
    fn text(plan: &[Action<'_>]) -> String {
        let mut out = String::new();
        for action in plan {
            let _ = match &action.act {
                Act::Run(script, arguments) => {
                    writeln!(out, "{}: {script:?} {arguments:?}", action.step)
                }
                Act::MakeStage(path) => writeln!(out, "{}: make folder {path}", action.step),
                Act::ClearStages(paths) => writeln!(out, "{}: clear {paths:?}", action.step),
                Act::Upload(path, Content::Text(text)) if path.ends_with("unit") => {
                    writeln!(out, "{}: {path}\n{}", action.step, indented(text))
                }
                Act::Upload(path, Content::Secret(_)) => {
                    writeln!(out, "{}: {path} (secret)", action.step)
                }
                Act::Upload(path, content) => {
                    writeln!(
                        out,
                        "{}: {path}, {} bytes",
                        action.step,
                        content.bytes().len()
                    )
                }
            };
        }
        out
    }

    fn indented(text: &str) -> String {
        text.lines().fold(String::new(), |mut out, line| {
            out.push_str(if line.is_empty() { "" } else { "    " });
            out.push_str(line);
            out.push('\n');
            out
        })
    }

    fn place(method: Method) -> Installation {
        let (bin, unit) = match method {
            Method::Systemd => (
                "/usr/local/bin",
                "/etc/systemd/system/stardust-spider.service",
            ),
            Method::Openrc => ("/usr/local/bin", "/etc/init.d/stardust-spider"),
            Method::Procd => ("/usr/bin", "/etc/init.d/stardust-spider"),
            Method::Sysvinit => ("/usr/local/bin", "/etc/init.d/stardust-spider"),
            Method::Runit => ("/usr/local/bin", "/etc/sv/stardust-spider/run"),
            Method::SystemdUser => (
                "/home/bowie/.local/bin",
                "/home/bowie/.config/systemd/user/stardust-spider.service",
            ),
        };
        let user = method == Method::SystemdUser;
        Installation {
            method,
            bin: format!("{bin}/stardust-spider"),
            folder: if user {
                "/home/bowie/.config/stardust"
            } else {
                "/etc/stardust"
            }
            .into(),
            unit: unit.into(),
            user: if user { "" } else { "stardust-spider" }.into(),
        }
    }

    #[test]
    fn plans_are_as_they_were() {
        let token = Secret::new("never-shown".into());
        for (method, golden) in [
            (Method::Systemd, include_str!("golden/systemd.txt")),
            (Method::Openrc, include_str!("golden/openrc.txt")),
            (Method::Procd, include_str!("golden/procd.txt")),
            (Method::Sysvinit, include_str!("golden/sysvinit.txt")),
            (Method::Runit, include_str!("golden/runit.txt")),
            (Method::SystemdUser, include_str!("golden/systemd_user.txt")),
        ] {
            let place = place(method);
            let stage = format!("{}/.stardust-stage-0123", place.bin_folder());
            let mut out = format!("place: {:?}\n\n# install\n", place.arguments());
            out += &text(&install(&Install {
                place: &place,
                stage: &stage,
                spider: b"\x7fELF",
                sha256: "5ca1ab1e",
                server_url: "wss://stardust.example",
                pin: None,
                token: &token,
            }));
            out += "\n# upgrade\n";
            let guard = Script::Guard.text().len().to_string();
            out += &text(&upgrade(&stage, b"\x7fELF", "5ca1ab1e", 60)).replace(&guard, "N");
            out += "\n# another token\n";
            out += &text(&replace_config(
                &stage,
                "wss://stardust.example",
                None,
                &token,
            ));
            out += "\n# remove\n";
            out += &text(&stop());
            out += &text(&delete(vec!["/tmp".into()]));
            assert!(!out.contains("never-shown"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                let file = format!("src/deploy/golden/{}.txt", method.name());
                std::fs::write(file, &out).unwrap();
                continue;
            }
            assert_eq!(
                out, golden,
                "run with UPDATE_GOLDEN=1 and look at the difference"
            );
        }
    }

    #[test]
    fn the_configuration_is_what_the_spider_reads() {
        let token = Secret::new("T".into());
        let with = files::config("wss://a", Some("sha256/x="), &token);
        assert_eq!(
            with.expose(),
            "# Written by Ground Control.\nserver = wss://a\npin = sha256/x=\ntoken = T\n"
        );
    }
}
