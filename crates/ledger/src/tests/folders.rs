//! Register folder, Set folder head.

use super::world::*;
use crate::body::*;
use crate::policy::HOUR;
use crate::state::FolderEntry;
use crate::*;
use medfolder_crypto::Digest;
use medfolder_record::{AreaId, FolderNumber, MemberId};

fn registration(world: &World, member: MemberId, area: AreaId) -> RegisterFolder {
    let folder = keys(world.suite, 1, 0x50);
    RegisterFolder {
        signing: folder.public,
        encryption: folder.encryption,
        member,
        area,
    }
}

fn register(world: &mut World) -> FolderNumber {
    let body = registration(world, A, AREA_A);
    let number = body.number(world.suite);
    let (folder, host) = (keys(world.suite, 1, 0x50).signing, world.host_key(A));
    world.accept(body, &[&folder, &host]);
    number
}

#[test]
fn a_folder_is_registered_once_with_an_area_of_the_member_that_co_signs() {
    let mut world = World::new();
    let (folder, host) = (keys(world.suite, 1, 0x50).signing, world.host_key(A));
    for (area, refusal) in [
        (AREA_B, Refusal::AreaMember),
        (AreaId([9; 16]), Refusal::AreaUnknown),
    ] {
        let body = registration(&world, A, area);
        assert_eq!(world.refuse(body, &[&folder, &host]), refusal);
    }
    let body = registration(&world, SUSPENDED, AREA_S);
    let suspended = world.host_key(SUSPENDED);
    assert_eq!(
        world.refuse(body, &[&folder, &suspended]),
        Refusal::MemberSuspended
    );
    register(&mut world);
    world.pass(1);
    let again = registration(&world, A, AREA_A);
    assert_eq!(
        world.refuse(again, &[&folder, &host]),
        Refusal::FolderExists
    );
}

#[test]
fn heads_grow_and_are_anchored_at_most_daily() {
    let mut world = World::new();
    let folder = register(&mut world);
    let key = keys(world.suite, 1, 0x50).signing;
    let head = |length| SetFolderHead {
        folder,
        length,
        head: Digest([length as u8; 32]),
    };
    world.accept(head(5), &[&key]);
    let first = world.header.time;
    world.time = first + 20 * HOUR - 1;
    assert_eq!(world.refuse(head(6), &[&key]), Refusal::FolderHeadSoon);
    world.time = first + 20 * HOUR;
    assert_eq!(world.refuse(head(5), &[&key]), Refusal::FolderHeadOld);
    world.pass(1);
    world.accept(head(6), &[&key]);
    let entry: FolderEntry = world.entry(StateKey::folder(world.suite, &folder)).unwrap();
    assert_eq!((entry.head.unwrap().length, entry.running.count), (6, 3));
    let stranger = keys(world.suite, 2, 0x50).signing;
    assert_eq!(world.refuse(head(7), &[&stranger]), Refusal::Signature);
    let unknown = SetFolderHead {
        folder: FolderNumber(Digest([3; 32])),
        ..head(7)
    };
    assert_eq!(world.refuse(unknown, &[&key]), Refusal::FolderUnknown);
}
