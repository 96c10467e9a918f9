//! Contract *registration*, folders.

use super::{Call, Outcome};
use crate::body::{RegisterFolder, SetFolderHead};
use crate::policy::{Action, Party};
use crate::refusal::Refusal;
use crate::state::{AreaEntry, FolderEntry, FolderHead, StateKey, Subject};

/// Unique, with an area of the member that co-signs.
pub(super) fn register(body: &RegisterFolder, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::FolderRegister)?;
    let number = body.number(call.suite());
    if call
        .stage
        .exists(&StateKey::folder(call.suite(), &number))?
    {
        return Err(Refusal::FolderExists.into());
    }
    let area: AreaEntry = call
        .stage
        .get(&StateKey::area(call.suite(), &body.area))?
        .ok_or(Refusal::AreaUnknown)?;
    if area.member != body.member {
        return Err(Refusal::AreaMember.into());
    }
    let entry = FolderEntry {
        signing: body.signing,
        encryption: body.encryption,
        member: body.member,
        area: body.area,
        running: call.start(&Subject::Folder(number)),
        head: None,
    };
    call.put_folder(&number, entry);
    Ok(())
}

/// Heads grow, and are not anchored oftener than the policy says.
pub(super) fn set_head(body: &SetFolderHead, call: &mut Call<'_, '_>) -> Outcome {
    call.party_may(Party::Folder, Action::FolderHead)?;
    let key = StateKey::folder(call.suite(), &body.folder);
    let mut entry: FolderEntry = call.stage.get(&key)?.ok_or(Refusal::FolderUnknown)?;
    if let Some(head) = &entry.head {
        if body.length <= head.length {
            return Err(Refusal::FolderHeadOld.into());
        }
        if call.time < head.time.saturating_add(call.windows().folder_head) {
            return Err(Refusal::FolderHeadSoon.into());
        }
    }
    entry.head = Some(FolderHead {
        length: body.length,
        head: body.head,
        time: call.time,
    });
    call.put_folder(&body.folder, entry);
    Ok(())
}
