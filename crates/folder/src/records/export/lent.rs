//! Pages of records that somebody was lent: for a doctor who saved a link's files and has no Medfolder
//! at hand. The same page as an export's, without scripts; what the link's opener learnt stands on it.

use super::html::{self, Language, address, escape};
use super::page::{content, links};
use medfolder_fhir::{json::Limits, summary};

/// A record as it arrived; every text is in the reader's language already.
#[derive(Debug)]
pub struct Lent<'a> {
    /// Its title.
    pub title: &'a str,
    /// What became of its seal.
    pub seal: &'a str,
    /// Whether that holds.
    pub holds: bool,
    /// Whose it is, of which hospital, when and by whom; a line each.
    pub about: &'a [String],
    /// Its FHIR document.
    pub body: &'a [u8],
    /// Names and sizes (bytes) of its attachments beside the page, then what is said of others.
    pub attachments: &'a [(String, u64)],
    /// What is said of attachments that are not here.
    pub missing: &'a [String],
    /// What else lies beside the page.
    pub files: &'a str,
}

/// A record in the index.
#[derive(Debug)]
pub struct LentRow<'a> {
    /// The file of its page.
    pub page: &'a str,
    /// Day, hospital, author: as far as they are known.
    pub about: [&'a str; 3],
    /// Its title.
    pub title: &'a str,
    /// What became of its seal.
    pub seal: &'a str,
    /// Whether that holds.
    pub holds: bool,
}

/// A record's page, as HTML.
#[must_use]
pub fn lent_page(lent: &Lent<'_>, language: Language) -> String {
    let document = summary::read(lent.body, &Limits::default()).ok();
    let mut body = format!("<h1>{}</h1>\n", escape(lent.title));
    body.push_str(&format!("<p>{}</p>\n", seal(lent.seal, lent.holds)));
    body.push_str(&paragraphs(lent.about, ""));
    body.push_str(&content(document.as_ref(), lent.body, language));
    if !lent.attachments.is_empty() || !lent.missing.is_empty() {
        let title = language.say("附件", "Attachments");
        body.push_str(&format!("<h2>{title}</h2>\n"));
        body.push_str(&links(lent.attachments, language));
        body.push_str(&paragraphs(lent.missing, "dim"));
    }
    let back = language.say("全部病历", "all records");
    body.push_str(&paragraphs(&[lent.files.to_owned()], "dim"));
    body.push_str(&format!("<p><a href=\"./index.html\">{back}</a></p>\n"));
    html::page(lent.title, &body, language)
}

/// The list of all records, as HTML; `about` is said of all of them.
#[must_use]
pub fn lent_index(about: &[String], rows: &[LentRow<'_>], language: Language) -> String {
    let title = language.say("收到的病历", "Records received");
    let heads = match language {
        Language::Chinese => ["日期", "医院", "病历", "书写", "签章"],
        Language::English => ["Date", "Hospital", "Record", "Written by", "Seal"],
    };
    let heads = heads.map(|head| format!("<th>{head}</th>")).concat();
    let rows: String = rows.iter().map(row).collect();
    let about = paragraphs(about, "");
    let body = format!("<h1>{title}</h1>\n{about}<table>\n<tr>{heads}</tr>\n{rows}</table>\n");
    html::page(title, &body, language)
}

fn row(row: &LentRow<'_>) -> String {
    let [day, hospital, author] = row.about.map(escape);
    let (href, title) = (address(row.page), escape(row.title));
    let seal = seal(row.seal, row.holds);
    format!(
        "<tr><td>{day}</td><td>{hospital}</td><td><a href=\"{href}\">{title}</a></td>\
         <td>{author}</td><td>{seal}</td></tr>\n"
    )
}

fn seal(told: &str, holds: bool) -> String {
    let class = match holds {
        true => "ok",
        false => "bad",
    };
    format!("<span class=\"{class}\">{}</span>", escape(told))
}

fn paragraphs(lines: &[String], class: &str) -> String {
    let line = |line: &String| format!("<p class=\"{class}\">{}</p>\n", escape(line));
    lines.iter().map(line).collect()
}
