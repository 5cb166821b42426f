/**
 * The module that is recorded: those exports of `hal/README.md` that can change something, which
 * the recorder calls in the place of its caller.
 *
 * Imported by index.ts. The host gives the exports as they are; a module without an application
 * gets stand-ins for the last two, which nobody calls.
 */
export declare function rxSlotAddress(slot: u32): i32;
export declare function init(nowMs: u32, mslMs: u32): i32;
export declare function setLinkAddress(high: u32, low: u32): i32;
export declare function setAddress(address: u32, prefixLength: u32, gateway: u32): i32;
export declare function setParameter(which: u32, value: u32): i32;
export declare function frameReceived(slot: u32, octets: u32, nowMs: u32): i32;
export declare function poll(nowMs: u32): i32;
export declare function tcpListen(address: u32, port: u32, backlog: u32): i32;
export declare function tcpAccept(listener: u32): i32;
export declare function tcpConnect(remote: u32, port: u32, local: u32, localPort: u32): i32;
export declare function tcpReserve(handle: u32): i32;
export declare function tcpReservedAddress(handle: u32): i32;
export declare function tcpCommit(handle: u32, octets: u32): i32;
export declare function tcpUrgent(handle: u32): i32;
export declare function tcpConsume(handle: u32, octets: u32): i32;
export declare function tcpCloseWrite(handle: u32): i32;
export declare function tcpClose(handle: u32): i32;
export declare function tcpAbort(handle: u32): i32;
export declare function tcpRelease(handle: u32): i32;
export declare function tcpSetOption(handle: u32, option: u32, value: u32): i32;
export declare function tcpStatus(handle: u32): i32;
export declare function tcpStatusAt(index: u32): i32;
export declare function nextReady(): i32;
export declare function takeEvents(handle: u32): i32;
export declare function pingSend(remote: u32, sequence: u32, octets: u32): i32;
export declare function pingTake(): i32;
export declare function wake(): i32;
export declare function appInit(): i32;
export declare function appPoll(nowMs: u32): i32;
