/** Room for what one pass puts on a ring between two actors of the same thread: between driver, bridge and tap. */
export const HANDOVER_FRAMES = 1024;
