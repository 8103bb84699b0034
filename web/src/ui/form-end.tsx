import type { ReactNode } from 'react';
import { Button } from './button';

interface Props {
  /** On the button that sends the form. */
  label: string;
  testId: string;
  disabled?: boolean;
  danger?: boolean;
  /** What the other button is called, if not Cancel. */
  leave?: string;
  onLeave(): void;
  /** More buttons. */
  children?: ReactNode;
}

/** The last row of a form in a dialog: the way out, then the way on. */
export function FormEnd({ label, testId, disabled, danger, leave, onLeave, children }: Props) {
  return (
    <div className="flex flex-wrap justify-end gap-2">
      <Button look="quiet" onClick={onLeave}>
        {leave ?? 'Cancel'}
      </Button>
      <Button look={danger ? 'danger' : 'primary'} type="submit" data-testid={testId} disabled={disabled}>
        {label}
      </Button>
      {children}
    </div>
  );
}
