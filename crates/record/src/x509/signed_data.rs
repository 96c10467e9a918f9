//! A SignedData with one signer, of RFC 5652 or of GM/T 0010 (which differs in its identifiers).

use super::{CarriedError, algorithm};
use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedAttributes, SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString, OctetStringRef};
use der::{Decode, Encode};
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const SIGNED_DATA: [ObjectIdentifier; 2] =
    [oid("1.2.840.113549.1.7.2"), oid("1.2.156.10197.6.1.4.2.2")];
const DATA: [ObjectIdentifier; 2] = [oid("1.2.840.113549.1.7.1"), oid("1.2.156.10197.6.1.4.2.1")];
const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = oid("2.5.29.14");

/// A SignedData and its one signer.
pub(super) struct Signed {
    data: SignedData,
    signer: SignerInfo,
}

impl Signed {
    pub(super) fn parse(der: &[u8]) -> Result<Self, CarriedError> {
        let form = |_| CarriedError::Form;
        let info = ContentInfo::from_der(der).map_err(form)?;
        if !SIGNED_DATA.contains(&info.content_type) {
            return Err(CarriedError::Form);
        }
        let data: SignedData = info.content.decode_as().map_err(form)?;
        match data.signer_infos.0.as_slice() {
            [signer] => Ok(Self {
                signer: signer.clone(),
                data,
            }),
            _ => Err(CarriedError::Form),
        }
    }

    /// Certificates that came inside.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        let set = self.data.certificates.as_ref();
        set.iter()
            .flat_map(|set| set.0.iter())
            .filter_map(certificate)
            .collect()
    }

    pub(super) fn signature(&self) -> &[u8] {
        self.signer.signature.as_bytes()
    }

    pub(super) fn content_type(&self) -> ObjectIdentifier {
        self.data.encap_content_info.econtent_type
    }

    /// The content that came inside.
    pub(super) fn content(&self) -> Result<Option<Vec<u8>>, CarriedError> {
        let Some(any) = &self.data.encap_content_info.econtent else {
            return Ok(None);
        };
        let content: OctetString = any.decode_as().map_err(|_| CarriedError::Form)?;
        Ok(Some(content.into_bytes()))
    }

    /// The signer's certificate among those given.
    pub(super) fn signer<'a>(
        &self,
        certificates: &'a [Certificate],
    ) -> Result<&'a Certificate, CarriedError> {
        let named = |certificate: &&Certificate| match &self.signer.sid {
            SignerIdentifier::IssuerAndSerialNumber(name) => {
                let tbs = &certificate.tbs_certificate;
                tbs.issuer == name.issuer && tbs.serial_number == name.serial_number
            }
            SignerIdentifier::SubjectKeyIdentifier(id) => {
                key_identifier(certificate) == Some(id.clone())
            }
        };
        certificates.iter().find(named).ok_or(CarriedError::Signer)
    }

    /// Checks that `signer` signed `file`, which is compared with the content that came inside.
    pub(super) fn verify(&self, signer: &Certificate, file: &[u8]) -> Result<(), CarriedError> {
        if self.content()?.is_some_and(|content| content != file) {
            return Err(CarriedError::File);
        }
        let info = &self.signer;
        let attributes = self.signed_attributes(file)?;
        let message = attributes.as_deref().unwrap_or(file);
        let key = &signer.tbs_certificate.subject_public_key_info;
        let digest = Some(&info.digest_alg);
        algorithm::verify(
            key,
            &info.signature_algorithm,
            digest,
            message,
            self.signature(),
        )
    }

    /// The signed attributes in the form that is signed, after their digest was checked.
    fn signed_attributes(&self, file: &[u8]) -> Result<Option<Vec<u8>>, CarriedError> {
        let Some(attributes) = &self.signer.signed_attrs else {
            // RFC 5652, 5.3: attributes may be absent for plain data only. A file that is itself a
            // set of attributes is refused: an old signature over attributes would hold for it.
            let plain =
                DATA.contains(&self.content_type()) && SignedAttributes::from_der(file).is_err();
            return plain.then_some(None).ok_or(CarriedError::Form);
        };
        let digest = self.attribute(MESSAGE_DIGEST)?;
        let digest = OctetStringRef::from_der(&digest).map_err(|_| CarriedError::Form)?;
        if algorithm::digest(&self.signer.digest_alg, file)? != digest.as_bytes() {
            return Err(CarriedError::File);
        }
        let content_type = self.attribute(CONTENT_TYPE)?;
        let content_type = ObjectIdentifier::from_der(&content_type);
        if content_type != Ok(self.content_type()) {
            return Err(CarriedError::Form);
        }
        // RFC 5652, 5.4: signed with the tag of a SET OF in place of [0].
        attributes
            .to_der()
            .map(Some)
            .map_err(|_| CarriedError::Form)
    }

    /// The one value of the one attribute of this kind, DER.
    fn attribute(&self, kind: ObjectIdentifier) -> Result<Vec<u8>, CarriedError> {
        let attributes = self
            .signer
            .signed_attrs
            .as_ref()
            .ok_or(CarriedError::Form)?;
        let found: Vec<_> = attributes.iter().filter(|a| a.oid == kind).collect();
        match found.as_slice() {
            [one] if one.values.len() == 1 => {
                let value = one.values.get(0).ok_or(CarriedError::Form)?;
                value.to_der().map_err(|_| CarriedError::Form)
            }
            _ => Err(CarriedError::Form),
        }
    }
}

fn certificate(choice: &CertificateChoices) -> Option<Certificate> {
    match choice {
        CertificateChoices::Certificate(certificate) => Some(certificate.clone()),
        CertificateChoices::Other(_) => None,
    }
}

fn key_identifier(certificate: &Certificate) -> Option<SubjectKeyIdentifier> {
    let extensions = certificate.tbs_certificate.extensions.as_deref()?;
    let found = extensions
        .iter()
        .find(|e| e.extn_id == SUBJECT_KEY_IDENTIFIER)?;
    SubjectKeyIdentifier::from_der(found.extn_value.as_bytes()).ok()
}
