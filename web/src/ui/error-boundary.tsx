import { Component, type ReactNode } from 'react';
import { asApiError } from '../api/client';
import { Problem } from './problem';

/** A page that fails takes down itself only: the rail and the connection stay. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { cause: unknown }> {
  override state = { cause: null as unknown };

  static getDerivedStateFromError(cause: unknown) {
    return { cause };
  }

  override render() {
    if (this.state.cause === null) return this.props.children;
    return (
      <div className="max-w-160 p-6">
        <Problem error={asApiError(this.state.cause)} onRetry={() => location.reload()} />
      </div>
    );
  }
}
