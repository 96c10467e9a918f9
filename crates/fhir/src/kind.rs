//! What a record is: LOINC document code, WS/T 500 type, a slug, Chinese and English names.
//!
//! Sources: LOINC document ontology; WS/T 500-2016 (电子病历共享文档规范), types by name. Kinds that
//! WS/T 500 does not list (allergy list, referral, immunisation, growth) have none.
//! Two kinds share LOINC 8716-3: the local coding beside it tells them apart; alone it means
//! vital signs.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($variant:ident $slug:literal $loinc:literal $loinc_name:literal $wst:expr, $zh:literal $en:literal;)+) => {
        /// What a record is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $(#[doc = concat!($zh, " ", $en, ", LOINC ", $loinc)] #[serde(rename = $slug)] $variant,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            const fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row {
                        slug: $slug, loinc: $loinc, loinc_name: $loinc_name, wst: $wst, zh: $zh, en: $en,
                    },)+
                }
            }
        }
    };
}

struct Row {
    slug: &'static str,
    loinc: &'static str,
    loinc_name: &'static str,
    wst: Option<&'static str>,
    zh: &'static str,
    en: &'static str,
}

kinds! {
    OutpatientNote "outpatient-note" "34108-1" "Outpatient Note" Some("门（急）诊病历"), "门诊病历" "Outpatient note";
    EmergencyNote "emergency-note" "34111-5" "Emergency department Note" Some("门（急）诊病历"), "急诊病历" "Emergency note";
    AdmissionNote "admission-note" "34117-2" "History and physical note" Some("入院记录"), "入院记录" "Admission note";
    DischargeSummary "discharge-summary" "18842-5" "Discharge summary" Some("出院小结"), "出院小结" "Discharge summary";
    ProgressNote "progress-note" "11506-3" "Progress note" Some("日常病程记录"), "病程记录" "Progress note";
    ConsultationNote "consultation-note" "11488-4" "Consult note" Some("会诊记录"), "会诊记录" "Consultation note";
    Prescription "prescription" "57833-6" "Prescription for medication" Some("西药处方"), "处方" "Prescription";
    LabReport "lab-report" "11502-2" "Laboratory report" Some("检验报告"), "检验报告" "Laboratory report";
    ImagingReport "imaging-report" "18748-4" "Diagnostic imaging study" Some("检查报告"), "检查报告" "Imaging report";
    EcgReport "ecg-report" "11524-6" "EKG study" Some("检查报告"), "心电图检查报告" "ECG report";
    PathologyReport "pathology-report" "11526-1" "Pathology study" Some("检查报告"), "病理检查报告" "Pathology report";
    OperationRecord "operation-record" "11504-8" "Surgical operation note" Some("一般手术记录"), "手术记录" "Operation record";
    DeliveryRecord "delivery-record" "57057-2" "Labor and delivery summary note" None, "分娩记录" "Delivery record";
    ProcedureRecord "procedure-record" "28570-0" "Procedure note" Some("治疗记录"), "操作记录" "Procedure record";
    ImmunisationRecord "immunisation-record" "11369-6" "History of Immunization note" None, "预防接种记录" "Immunisation record";
    GrowthRecord "growth-record" "8716-3" "Vital signs note" None, "儿童生长发育记录" "Growth record";
    VitalSigns "vital-signs" "8716-3" "Vital signs note" Some("生命体征测量记录"), "生命体征测量记录" "Vital signs";
    AllergyList "allergy-list" "48765-2" "Allergies and adverse reactions Document" None, "过敏史清单" "Allergy list";
    Referral "referral" "57133-1" "Referral note" None, "转诊单" "Referral";
    PatientSummary "patient-summary" "60591-5" "Patient summary Document" Some("病历概要"), "病历概要" "Patient summary";
    Other "other" "51899-3" "Details Document" None, "其他病历" "Other record";
}

impl Kind {
    /// Short English name, stable, such as `lab-report`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.row().slug
    }

    /// LOINC document code.
    #[must_use]
    pub const fn loinc(self) -> &'static str {
        self.row().loinc
    }

    /// LOINC's own name of the code.
    #[must_use]
    pub const fn loinc_name(self) -> &'static str {
        self.row().loinc_name
    }

    /// Name of the WS/T 500 document type, where there is one.
    #[must_use]
    pub const fn wst500(self) -> Option<&'static str> {
        self.row().wst
    }

    /// Chinese name.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        self.row().zh
    }

    /// English name.
    #[must_use]
    pub const fn en(self) -> &'static str {
        self.row().en
    }

    /// By slug, LOINC code, Chinese or English name (any letter case).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::by_name(text).or_else(|| Self::by_loinc(text))
    }

    /// By slug or name, without codes.
    #[must_use]
    pub fn by_name(text: &str) -> Option<Self> {
        let fits = |k: &&Self| {
            k.zh() == text
                || k.slug().eq_ignore_ascii_case(text)
                || k.en().eq_ignore_ascii_case(text)
        };
        Self::ALL.iter().find(fits).copied()
    }

    /// By LOINC code. 8716-3 is [`Kind::VitalSigns`].
    #[must_use]
    pub fn by_loinc(code: &str) -> Option<Self> {
        let fits = |k: &&Self| k.loinc() == code && **k != Self::GrowthRecord;
        Self::ALL.iter().find(fits).copied()
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.slug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_slug_code_and_name_in_both_languages() {
        for text in [
            "lab-report",
            "11502-2",
            "检验报告",
            "Laboratory report",
            " LAB-REPORT ",
        ] {
            assert_eq!(Kind::parse(text), Some(Kind::LabReport), "{text}");
        }
        assert_eq!(Kind::parse("Claim"), None);
    }

    #[test]
    fn slugs_and_names_are_unique_and_survive_json() {
        for kind in Kind::ALL {
            assert_eq!(Kind::by_name(kind.slug()), Some(*kind));
            assert_eq!(Kind::by_name(kind.zh()), Some(*kind));
            let json = serde_json::to_string(kind).unwrap();
            assert_eq!(json, format!("\"{}\"", kind.slug()));
            assert_eq!(serde_json::from_str::<Kind>(&json).unwrap(), *kind);
        }
    }

    #[test]
    fn the_shared_code_alone_means_vital_signs() {
        assert_eq!(Kind::parse("8716-3"), Some(Kind::VitalSigns));
        assert_eq!(Kind::parse("儿童生长发育记录"), Some(Kind::GrowthRecord));
    }
}
