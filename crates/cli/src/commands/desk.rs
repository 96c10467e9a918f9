//! The front desk: asks the inner zone for a code, and confirms the card that claims it.

mod known;

use crate::args::{Desk, Lang};
use crate::commands::folder::link::card_end;
use crate::commands::folder::show;
use crate::commands::folder::vault::Place;
use crate::commands::service;
use crate::error::CliError;
use crate::output::Output;
use crate::qr;
use crate::time::{local_day, local_time, rfc3339};
use medfolder_client::http::{Http, HttpOptions};
use medfolder_gateway::inner;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use url::Url;
use zeroize::Zeroizing;

/// What an inner zone says of a code that is another's.
const CODE_UNKNOWN: &str = "desk.code_unknown";

/// A code as the desk hands it to a patient.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    /// 16 characters.
    pub(crate) code: String,
    /// The same for a QR code.
    pub(crate) link: String,
    /// When it ends, in milliseconds.
    pub(crate) expires: u64,
    /// The card that the patient has already.
    #[serde(default)]
    linked: Option<Linked>,
}

/// A card that a patient has at this hospital.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Linked {
    card: String,
    since: u64,
}

impl Linked {
    fn line(&self) -> Value {
        let since = (self.since > 0).then(|| rfc3339(self.since));
        json!({"card_end": card_end(&self.card), "since": since})
    }

    fn named(&self, output: Output) -> String {
        let end = card_end(&self.card);
        let day = local_day(self.since);
        match (output.lang, self.since) {
            (Lang::Zh, 0) => format!("末八位 {end}"),
            (Lang::Zh, _) => format!("末八位 {end}，{day} 绑定"),
            (Lang::En, 0) => format!("ending in {end}"),
            (Lang::En, _) => format!("ending in {end}, linked on {day}"),
        }
    }

    fn would_be_replaced(&self, output: Output) -> String {
        let named = self.named(output);
        match output.lang {
            Lang::Zh => format!(
                "⚠ 这位病人已有一张健康卡（{named}）。用这个码绑定会换卡：新的病历只到新卡，旧卡收不到。\n  \
                 请先问清病人是否要换；只想多一台设备的，让病人在那台设备上用 24 个词恢复。\n\n"
            ),
            Lang::En => format!(
                "⚠ This patient has a card already ({named}). Linking with this code replaces it: new records go to the new card only.\n  \
                 Ask first whether that is wanted; to add a device, the folder is restored there from its 24 words.\n\n"
            ),
        }
    }

    fn replaced(&self, output: Output) -> String {
        let named = self.named(output);
        match output.lang {
            Lang::Zh => format!("\n⚠ 已换卡：先前的卡（{named}）不再收到新的病历。"),
            Lang::En => format!(
                "\n⚠ It replaces the earlier card ({named}), which receives no new records."
            ),
        }
    }
}

/// `medfolder desk …`
pub(crate) async fn run(
    words: Desk,
    data_dir: Option<PathBuf>,
    output: Output,
) -> Result<(), CliError> {
    let place = Place::new(data_dir, None);
    match words {
        Desk::Code {
            config,
            patient,
            qr,
        } => {
            code(
                &config,
                &patient,
                qr.as_deref(),
                place.ok().as_ref(),
                output,
            )
            .await?
        }
        Desk::Confirm {
            code,
            config,
            card_end,
        } => {
            let mut confirmed = match config {
                Some(config) => DeskClient::new(&config)?.confirm(&code, &card_end).await?,
                None => confirm_anywhere(&place?, &code, &card_end).await?,
            };
            let before = confirmed
                .as_object_mut()
                .and_then(|line| line.remove("replaces"));
            let before: Option<Linked> = before.and_then(|one| serde_json::from_value(one).ok());
            confirmed["replaces"] = json!(before.as_ref().map(Linked::line));
            output.line(&confirmed, || {
                let text = output.say("已确认，卡号末八位", "Confirmed: the card ending in");
                let before = before.map_or_else(String::new, |one| one.replaced(output));
                format!("{text} {card_end}{before}")
            });
        }
    }
    Ok(())
}

/// At the desk, of those that were used here, that gave this code.
async fn confirm_anywhere(place: &Place, code: &str, card_end: &str) -> Result<Value, CliError> {
    let mut silent = CliError::usage("desk.which_config", "--config <FILE>");
    let mut unknown = None;
    for config in known::all(place) {
        let Ok(desk) = DeskClient::new(&config) else {
            continue;
        };
        match desk.confirm(code, card_end).await {
            Err(error) if error.code == CODE_UNKNOWN => unknown = Some(error),
            Err(error) if error.code.starts_with("http.") => silent = error,
            done => return done,
        }
    }
    Err(unknown.unwrap_or(silent))
}

async fn code(
    config: &Path,
    patient: &str,
    picture: Option<&Path>,
    place: Option<&Place>,
    output: Output,
) -> Result<(), CliError> {
    let desk = DeskClient::new(config)?;
    // A code whose picture cannot be written is not made.
    let file = picture.map(show::create).transpose()?;
    let code = desk.code(patient).await.inspect_err(|_| {
        picture.map(std::fs::remove_file);
    })?;
    let blocks = match output.is_json() {
        true => String::new(),
        false => qr::lines(&code.link)?,
    };
    let heading = match output.lang {
        Lang::Zh => format!("病案号 {patient} 的绑定码，请让病人扫码，或照着输入："),
        Lang::En => format!("Linking code for patient {patient}, to be scanned or typed:"),
    };
    output.picture(&format!("{heading}\n\n{blocks}\n"));
    let line = json!({
        "code": code.code, "link": code.link, "expires": rfc3339(code.expires), "qr": picture,
        "linked": code.linked.as_ref().map(Linked::line),
    });
    // What is noted here `desk confirm` finds by itself.
    let noted = place.is_some_and(|place| known::note(place, config));
    let config = (!noted).then_some(config);
    output.line(&line, || told(&code, config, output));
    file.map_or(Ok(()), |file| qr::write(file, &code.link))
}

fn told(code: &Code, config: Option<&Path>, output: Output) -> String {
    let before = code.linked.as_ref();
    let before = before.map_or_else(String::new, |one| one.would_be_replaced(output));
    let config = config.map(|config| format!(" --config {}", config.display()));
    let config = config.unwrap_or_default();
    let expires = local_time(code.expires);
    let Code { code, link, .. } = code;
    match output.lang {
        Lang::Zh => format!(
            "{before}绑定码：{code}\n链接：{link}\n有效至：{expires}，只能用一次\n\n\
             病人认领后，请核对其屏幕上卡号的最后八位：\n  medfolder desk confirm {code}{config} --card-end …"
        ),
        Lang::En => format!(
            "{before}Code: {code}\nLink: {link}\nValid until {expires}, for one use\n\n\
             Then compare the end of the card number on the patient’s screen:\n  \
             medfolder desk confirm {code}{config} --card-end …"
        ),
    }
}

/// Speaks with one inner zone as its front desk.
pub(crate) struct DeskClient {
    http: Http,
    base: Url,
    token: Zeroizing<String>,
}

impl DeskClient {
    /// For the inner zone with this configuration, on this machine.
    pub(crate) fn new(config: &Path) -> Result<Self, CliError> {
        service::readable(config)?;
        let path = config.display();
        let config = inner::Config::read(config)
            .map_err(|error| CliError::new(error.code(), format!("{path}: {error}")))?;
        let token = std::fs::read_to_string(config.desk_token()).map(Zeroizing::new);
        let token = token.map_err(|error| CliError::new("desk.no_token", error))?;
        let http = Http::new(HttpOptions::default())
            .map_err(|error| CliError::new(error.code(), &error))?;
        let base = Url::parse(&format!("http://{}/", config.listen))
            .map_err(|error| CliError::new("inner.config", error))?;
        Ok(Self {
            http,
            base,
            token: Zeroizing::new(token.trim().to_owned()),
        })
    }

    /// Makes a code for a patient.
    pub(crate) async fn code(&self, patient: &str) -> Result<Code, CliError> {
        self.post("v1/desk/codes", &json!({ "patient": patient }))
            .await
    }

    /// Confirms that the card on the patient's screen ends with these characters.
    pub(crate) async fn confirm(&self, code: &str, card_end: &str) -> Result<Value, CliError> {
        self.post(
            "v1/desk/confirm",
            &json!({ "code": code, "card_end": card_end }),
        )
        .await
    }

    /// Asks or tells the inner zone something else that desks may.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CliError> {
        let answer = self
            .http
            .post(&self.url(path)?, Some(&self.token), body)
            .await;
        answer.map_err(|error| CliError::new(error.code(), &error))
    }

    /// Reads something that desks may.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        let answer = self.http.get(&self.url(path)?, Some(&self.token)).await;
        answer.map_err(|error| CliError::new(error.code(), &error))
    }

    fn url(&self, path: &str) -> Result<Url, CliError> {
        self.base
            .join(path)
            .map_err(|error| CliError::new("inner.config", error))
    }
}
