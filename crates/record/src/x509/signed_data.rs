//! A SignedData with one signer, of RFC 5652 or of GM/T 0010 (which differs in its identifiers).

use super::chain;
use super::raw::{FIRST, OCTETS, Raw, SEQUENCE, SET, is_ordered};
use super::{CarriedError, algorithm};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use std::collections::BTreeSet;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::spki::AlgorithmIdentifierOwned;

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
pub(super) struct Signed<'a> {
    content_type: ObjectIdentifier,
    content: Option<&'a [u8]>,
    certificates: Vec<Certificate>,
    signer: Raw<'a>,
    digest: AlgorithmIdentifierOwned,
    attributes: Option<Raw<'a>>,
    algorithm: AlgorithmIdentifierOwned,
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, CarriedError> {
        let [kind, data] = exactly(Raw::read(der)?, SEQUENCE)?;
        if !SIGNED_DATA.contains(&kind.decode()?) {
            return Err(CarriedError::Form);
        }
        let [data] = exactly(data, FIRST)?;
        let parts = data.list(SEQUENCE)?;
        let [_, _, content, groups @ .., signers] = parts.as_slice() else {
            return Err(CarriedError::Form);
        };
        let (content_type, content) = content_of(*content)?;
        let [signer] = exactly(*signers, SET)?;
        let parts = signer.list(SEQUENCE)?;
        let [_, signer, digest, rest @ ..] = parts.as_slice() else {
            return Err(CarriedError::Form);
        };
        let (attributes, rest) = match rest {
            [attributes, rest @ ..] if attributes.tag == FIRST => (Some(*attributes), rest),
            rest => (None, rest),
        };
        let [algorithm, signature, ..] = rest else {
            return Err(CarriedError::Form);
        };
        Ok(Self {
            content_type,
            content,
            certificates: certificates(groups)?,
            signer: *signer,
            digest: digest.decode()?,
            attributes,
            algorithm: algorithm.decode()?,
            signature: signature.must(OCTETS)?.content,
        })
    }

    /// Certificates that came inside.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.certificates.clone()
    }

    pub(super) const fn signature(&self) -> &'a [u8] {
        self.signature
    }

    pub(super) const fn content_type(&self) -> ObjectIdentifier {
        self.content_type
    }

    /// The content that came inside.
    pub(super) const fn content(&self) -> Option<&'a [u8]> {
        self.content
    }

    /// The signer's certificate among those given: the first.
    pub(super) fn signer<'b>(
        &self,
        certificates: &'b [Certificate],
    ) -> Result<&'b Certificate, CarriedError> {
        let identifier = self.signer;
        let name = if identifier.tag == SEQUENCE {
            Some(exactly(identifier, SEQUENCE)?)
        } else {
            None
        };
        let named = |certificate: &&Certificate| {
            let tbs = &certificate.tbs_certificate;
            match name {
                Some([issuer, serial]) => {
                    tbs.issuer.to_der().as_deref() == Ok(issuer.whole)
                        && tbs.serial_number.to_der().as_deref() == Ok(serial.whole)
                }
                None => key_identifier(certificate).as_deref() == Some(identifier.content),
            }
        };
        certificates.iter().find(named).ok_or(CarriedError::Signer)
    }

    /// Checks that `signer` signed `file`, which is compared with the content that came inside.
    pub(super) fn verify(&self, signer: &Certificate, file: &[u8]) -> Result<(), CarriedError> {
        if self.content.is_some_and(|content| content != file) {
            return Err(CarriedError::File);
        }
        let attributes = self.signed_attributes(file)?;
        let message = attributes.as_deref().unwrap_or(file);
        let key = &signer.tbs_certificate.subject_public_key_info;
        let digest = Some(&self.digest);
        algorithm::verify(key, &self.algorithm, digest, message, self.signature)
    }

    /// The signed attributes in the form that is signed, after their digest was checked.
    fn signed_attributes(&self, file: &[u8]) -> Result<Option<Vec<u8>>, CarriedError> {
        let Some(attributes) = self.attributes else {
            // RFC 5652, 5.3: attributes may be absent for plain data only. A file that is itself a
            // set of attributes is refused: an old signature over attributes would hold for it.
            let plain = DATA.contains(&self.content_type) && !are_attributes(file);
            return plain.then_some(None).ok_or(CarriedError::Form);
        };
        let listed = read_attributes(attributes)?;
        let digest = one(&listed, MESSAGE_DIGEST)?.must(OCTETS)?;
        if algorithm::digest(&self.digest, file)? != digest.content {
            return Err(CarriedError::File);
        }
        if one(&listed, CONTENT_TYPE)?.decode::<ObjectIdentifier>()? != self.content_type {
            return Err(CarriedError::Form);
        }
        // RFC 5652, 5.4: signed with the tag of a SET OF in place of [0].
        let rest = attributes.whole.get(1..).ok_or(CarriedError::Form)?;
        Ok(Some([&[SET], rest].concat()))
    }
}

/// Exactly so many values in a value of this tag.
fn exactly<const N: usize>(value: Raw<'_>, tag: u8) -> Result<[Raw<'_>; N], CarriedError> {
    value.list(tag)?.try_into().map_err(|_| CarriedError::Form)
}

/// The content's type, and the content where it came inside.
fn content_of(value: Raw<'_>) -> Result<(ObjectIdentifier, Option<&[u8]>), CarriedError> {
    match value.list(SEQUENCE)?.as_slice() {
        [kind] => Ok((kind.decode()?, None)),
        [kind, inside] => {
            let [octets] = exactly(*inside, FIRST)?;
            Ok((kind.decode()?, Some(octets.must(OCTETS)?.content)))
        }
        _ => Err(CarriedError::Form),
    }
}

/// Those of the groups that are certificates; lists of the revoked that stand beside them are not read.
fn certificates(groups: &[Raw<'_>]) -> Result<Vec<Certificate>, CarriedError> {
    let mut found = Vec::new();
    for group in groups.iter().filter(|group| group.tag == FIRST) {
        for certificate in group.list(FIRST)? {
            found.push(chain::read(certificate.whole)?);
        }
    }
    Ok(found)
}

/// Kinds and values of attributes that stand in DER's order, none of them of a kind that was before.
type Attributes<'a> = Vec<(ObjectIdentifier, Vec<Raw<'a>>)>;

fn read_attributes(set: Raw<'_>) -> Result<Attributes<'_>, CarriedError> {
    let attributes = set.list(FIRST)?;
    let (mut kinds, mut listed) = (BTreeSet::new(), Vec::new());
    let mut ordered = is_ordered(&attributes);
    for attribute in attributes {
        let [kind, values] = exactly(attribute, SEQUENCE)?;
        let (kind, values) = (kind.decode()?, values.list(SET)?);
        ordered &= is_ordered(&values) && kinds.insert(kind);
        listed.push((kind, values));
    }
    ordered.then_some(listed).ok_or(CarriedError::Form)
}

/// The one value of the attribute of this kind.
fn one<'a>(listed: &Attributes<'a>, kind: ObjectIdentifier) -> Result<Raw<'a>, CarriedError> {
    let found = listed.iter().find(|(named, _)| *named == kind);
    match found.map(|(_, values)| values.as_slice()) {
        Some([value]) => Ok(*value),
        _ => Err(CarriedError::Form),
    }
}

/// Whether a file is one SET of SEQUENCEs that begin with an object identifier.
fn are_attributes(file: &[u8]) -> bool {
    let attribute = |value: &Raw<'_>| {
        let parts = value.list(SEQUENCE);
        parts.is_ok_and(|parts| parts.first().is_some_and(|part| part.tag == 0x06))
    };
    let values = Raw::read(file).and_then(|set| set.list(SET));
    values.is_ok_and(|values| values.iter().all(attribute))
}

fn key_identifier(certificate: &Certificate) -> Option<Vec<u8>> {
    let extensions = certificate.tbs_certificate.extensions.as_deref()?;
    let found = extensions
        .iter()
        .find(|e| e.extn_id == SUBJECT_KEY_IDENTIFIER)?;
    let identifier = SubjectKeyIdentifier::from_der(found.extn_value.as_bytes()).ok()?;
    Some(identifier.0.into_bytes())
}
