/** Wire time a sender may make up for between two polls, ns: the poll period of a busy hardware thread. */
export const CATCH_UP_NS = 20_000;
